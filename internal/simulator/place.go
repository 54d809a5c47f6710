package simulator

import "strconv"

// place is where a listing stands.
type place struct {
	letter           byte // listing keys begin with the letter of the region
	city, county     string
	region           string
	postal           string // first half of the postal code
	lowest, typical  int    // price of a house in thousands of dollars
	apartmentPercent int
}

func places() []place {
	return []place{
		{'C', "Toronto C01", "Toronto", "Waterfront Communities C1", "M5V", 450, 900, 85},
		{'C', "Toronto C08", "Toronto", "Church-Yonge Corridor", "M5B", 430, 800, 80},
		{'C', "Toronto C12", "Toronto", "St. Andrew-Windfields", "M2L", 1200, 4200, 15},
		{'C', "Toronto C14", "Toronto", "Willowdale East", "M2N", 500, 1500, 60},
		{'W', "Toronto W01", "Toronto", "High Park-Swansea", "M6R", 600, 1500, 35},
		{'W', "Toronto W08", "Toronto", "Islington-City Centre West", "M9B", 480, 1200, 45},
		{'E', "Toronto E03", "Toronto", "Danforth", "M4J", 700, 1300, 20},
		{'E', "Toronto E09", "Toronto", "Bendale", "M1P", 450, 950, 45},
		{'W', "Mississauga", "Peel", "City Centre", "L5B", 430, 1050, 50},
		{'W', "Brampton", "Peel", "Bram East", "L6P", 450, 980, 20},
		{'W', "Oakville", "Halton", "1001 - BR Bronte", "L6L", 650, 1700, 25},
		{'W', "Burlington", "Halton", "Roseland", "L7N", 550, 1250, 20},
		{'N', "Markham", "York", "Unionville", "L3R", 600, 1500, 25},
		{'N', "Vaughan", "York", "Kleinburg", "L4H", 600, 1550, 20},
		{'N', "Richmond Hill", "York", "Oak Ridges", "L4E", 580, 1450, 20},
		{'E', "Ajax", "Durham", "Central East", "L1S", 500, 950, 15},
		{'E', "Oshawa", "Durham", "Lakeview", "L1H", 380, 780, 15},
		{'X', "Hamilton", "Hamilton", "Westdale", "L8S", 380, 800, 20},
		{'X', "Guelph", "Wellington", "Exhibition Park", "N1H", 420, 830, 20},
		{'X', "Kawartha Lakes", "Kawartha Lakes", "Bobcaygeon", "K0M", 350, 720, 2},
		{'X', "Ottawa", "Ottawa", "4001 - Lower Town/Byward Market", "K1N", 380, 760, 40},
		{'S', "Barrie", "Simcoe", "Painswick North", "L4N", 400, 780, 15},
	}
}

func streets() []string {
	return []string{
		"King", "Queen", "Dundas", "Bathurst", "Spadina", "Ossington", "Roncesvalles", "Broadview", "Pape",
		"Maple Leaf", "Lakeshore", "Bay", "Adelaide", "Wellesley", "Jarvis", "O'Connor", "D'Arcy", "Lawrence", "Sheppard",
		"Finch", "Kingston", "Old Mill", "Humber Ridge", "Credit River", "Sixteen Mile", "Rouge Valley", "St. Clair", "Côte-des-Érables",
	}
}

func suffixes() []string {
	return []string{"Street", "Avenue", "Road", "Drive", "Crescent", "Boulevard", "Court", "Lane", "Way"}
}

func brokerages() []string {
	return []string{
		"LAKESHORE REALTY BROKERAGE", "MAPLE & BLOOR REALTY", "NORTH YORK HOMES INC.", "DON VALLEY REAL ESTATE LTD.",
		"HARBOUR SQUARE REALTY", "ESCARPMENT PROPERTIES INC., BROKERAGE", "SIX POINTS REALTY \"THE POINT\"",
	}
}

func (w *world) place(listing int) *place {
	return &w.places[w.dice.draw(uint64(listing), forPlace)%uint64(len(w.places))]
}

// postalCode completes the first half with a digit, a letter and a digit.
func (p *place) postalCode(r *roll) string {
	return p.postal + " " + strconv.Itoa(r.below(10)) + string("ABCEGHJKLMNPRSTVWXYZ"[r.below(20)]) + strconv.Itoa(r.below(10))
}
