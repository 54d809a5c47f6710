package simulator

import (
	"bytes"
	"strconv"
	"time"
)

// Writers of Property fields that hang together; all others are drawn.
func propertyWriters() map[string]writer {
	all := map[string]writer{
		"BedroomsTotal":         func(d []byte, r *record) []byte { return r.appendInteger(d, r.details().bedrooms) },
		"BedroomsAboveGrade":    func(d []byte, r *record) []byte { return r.appendInteger(d, (r.details().bedrooms+1)/2) },
		"BathroomsTotalInteger": func(d []byte, r *record) []byte { return r.appendInteger(d, r.details().bathrooms) },
		"InternetEntireListingDisplayYN": func(d []byte, r *record) []byte {
			return strconv.AppendBool(d, r.details().displayable)
		},
		"PublicRemarks":         writePublicRemarks,
		"PrivateRemarks":        writePrivateRemarks,
		"ListingKey":            keyWriter,
		"ModificationTimestamp": columnWriter(columnStamp),
	}
	for name, write := range propertyTexts() {
		all[name] = func(d []byte, r *record) []byte {
			text := write(r.details(), r)
			if text == "" {
				return append(d, "null"...)
			}
			return appendString(d, text)
		}
	}
	for name, write := range propertyAmounts() {
		all[name] = func(d []byte, r *record) []byte {
			amount := write(r.details())
			if amount == 0 {
				return append(d, "null"...)
			}
			return appendJavaDouble(d, float64(amount))
		}
	}
	for name, write := range propertyTimes() {
		all[name] = func(d []byte, r *record) []byte { return write(d, r.details(), r) }
	}
	return all
}

func propertyTexts() map[string]func(*listing, *record) string {
	return map[string]func(*listing, *record) string{
		"City":                 func(l *listing, _ *record) string { return l.place.city },
		"CityRegion":           func(l *listing, _ *record) string { return l.place.region },
		"CountyOrParish":       func(l *listing, _ *record) string { return l.place.county },
		"PostalCode":           func(l *listing, _ *record) string { return l.postal },
		"StateOrProvince":      func(*listing, *record) string { return "ON" },
		"Country":              func(*listing, *record) string { return "CA" },
		"StreetName":           func(l *listing, _ *record) string { return l.street },
		"StreetNumber":         func(l *listing, _ *record) string { return strconv.Itoa(l.streetNumber) },
		"StreetSuffix":         func(l *listing, _ *record) string { return l.suffix },
		"UnparsedAddress":      func(l *listing, _ *record) string { return l.address() },
		"CrossStreet":          func(l *listing, _ *record) string { return l.street + " & Main" },
		"StandardStatus":       func(l *listing, _ *record) string { return l.standard },
		"MlsStatus":            func(l *listing, _ *record) string { return l.mls },
		"PriorMlsStatus":       func(l *listing, _ *record) string { return l.prior },
		"PropertyType":         func(l *listing, _ *record) string { return l.kind },
		"PropertySubType":      func(l *listing, _ *record) string { return l.subType },
		"ListOfficeName":       func(l *listing, _ *record) string { return l.brokerage },
		"OriginatingSystemKey": func(_ *listing, r *record) string { return strconv.Itoa(1_000_000 + int(r.row.parent)) },
		"UnitNumber": func(l *listing, _ *record) string {
			if l.unit == 0 {
				return ""
			}
			return strconv.Itoa(l.unit)
		},
		"TransactionType": func(l *listing, _ *record) string {
			if l.lease {
				return "For Lease"
			}
			return "For Sale"
		},
		"ContractStatus": func(l *listing, _ *record) string {
			if l.standard == "Active" {
				return "Available"
			}
			return "Unavailable"
		},
		"PercentListPrice": func(l *listing, _ *record) string {
			if l.closed == 0 {
				return ""
			}
			return strconv.Itoa(l.closed * 100 / l.price)
		},
	}
}

func propertyAmounts() map[string]func(*listing) int {
	return map[string]func(*listing) int{
		"ListPrice":         func(l *listing) int { return l.price },
		"OriginalListPrice": func(l *listing) int { return l.original },
		"ClosePrice":        func(l *listing) int { return l.closed },
		"TaxAnnualAmount":   func(l *listing) int { return l.taxes },
		"PreviousListPrice": func(l *listing) int {
			if l.original == l.price {
				return 0
			}
			return l.original
		},
		"AssociationFee": func(l *listing) int {
			if !l.apartment {
				return 0
			}
			return 300 + l.streetNumber%700
		},
	}
}

func propertyTimes() map[string]func([]byte, *listing, *record) []byte {
	day := func(d []byte, at time.Time) []byte {
		return append(at.AppendFormat(append(d, '"'), time.DateOnly), '"')
	}
	sold := func(write func([]byte, *listing, *record) []byte) func([]byte, *listing, *record) []byte {
		return func(d []byte, l *listing, r *record) []byte {
			if l.closed == 0 {
				return append(d, "null"...)
			}
			return write(d, l, r)
		}
	}
	return map[string]func([]byte, *listing, *record) []byte{
		"OriginalEntryTimestamp": func(d []byte, l *listing, r *record) []byte { return r.appendTime(d, l.entered, false) },
		"SystemModificationTimestamp": func(d []byte, _ *listing, r *record) []byte {
			return r.appendTime(d, r.row.at+350_000, true)
		},
		"ListingContractDate": func(d []byte, l *listing, _ *record) []byte {
			return day(d, time.UnixMicro(l.contracted).UTC())
		},
		"ExpirationDate": func(d []byte, l *listing, _ *record) []byte {
			return day(d, time.UnixMicro(l.contracted).UTC().AddDate(0, 4, 0))
		},
		"CloseDate": sold(func(d []byte, l *listing, r *record) []byte { return day(d, l.closeDate(r.origin())) }),
		"PurchaseContractDate": sold(func(d []byte, l *listing, _ *record) []byte {
			return day(d, time.UnixMicro(l.changed).UTC())
		}),
		"SoldEntryTimestamp": sold(func(d []byte, l *listing, r *record) []byte { return r.appendTime(d, l.changed, false) }),
	}
}

func writePublicRemarks(dst []byte, r *record) []byte {
	l := r.details()
	text := "Welcome to " + strconv.Itoa(l.streetNumber) + " " + l.street + " " + l.suffix + ", a " + l.subType +
		" in " + l.place.region + ". Bright rooms, steps from parks, schools & transit.\nOffers any time; \"as is\" where stated. " +
		"The kitchen was redone with stone counters, the roof and windows are recent, and the garden faces south. " +
		"A short walk to cafés, the library and the lake. Measurements are approximate and to be verified by the buyer."
	return appendString(dst, text)
}

// writePrivateRemarks also holds the padding that Options ask for.
func writePrivateRemarks(dst []byte, r *record) []byte {
	text := "Lockbox on the railing. Please give two hours' notice and leave a card."
	dst = appendString(dst, text)
	if short := r.world.options.PropertyPadding - naturalPropertyBytes; short > 0 {
		dst = append(dst[:len(dst)-1], ' ')
		dst = append(append(dst, bytes.Repeat([]byte("padding "), short/8)...), '"')
	}
	return dst
}

// naturalPropertyBytes is how long a Property record is without padding.
const naturalPropertyBytes = 11_700
