package agent_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"resoagent/internal/catalog"
	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

// A value that the database does not take, since somebody has changed a column,
// is named with column and key; its neighbours go in.
func TestRefusedValueIsNamed(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		s.mustSync(t, catalog.VOWProperty)
		table := db.Table("propertyrooms")
		if db.Postgres {
			db.Exec(t, "ALTER TABLE "+table+" ALTER COLUMN room_level TYPE varchar(12), ALTER COLUMN room_order TYPE smallint, ADD CHECK (room_type <> 'Dungeon')")
		} else {
			db.Exec(t, "ALTER TABLE "+table+" RENAME TO old_rooms")
			made := db.Strings(t, "SELECT sql FROM sqlite_master WHERE name = 'old_rooms'")[0][0]
			made = strings.Replace(made, `"old_rooms"`, "PropertyRooms", 1)
			for column, check := range map[string]string{"room_level": "length(room_level) <= 12", "room_order": "room_order < 32768", "room_type": "room_type <> 'Dungeon'"} {
				kind := "TEXT"
				if column == "room_order" {
					kind = "INTEGER"
				}
				i := strings.Index(made, column)
				rest := strings.Replace(made[i:], kind, kind+" CHECK ("+check+")", 1)
				made = made[:i] + rest
			}
			db.Exec(t, made)
			db.Exec(t, "DROP TABLE old_rooms")
		}
		parent := db.Strings(t, "SELECT min(listing_key) FROM "+db.Table("vow_property")+"")[0][0]
		for key, fields := range map[string]string{
			"R-LEVEL": `"RoomLevel": "Far above the roof ` + simulator.DefaultVOWToken + `"`, "R-ORDER": `"Order": 70000`, "R-TYPE": `"RoomType": "Dungeon", "RoomLevel": "Lower"`,
		} {
			const at = "2026-02-03T04:05:06Z"
			err := s.source.AddRaw(simulator.PropertyRooms, key, at, parent,
				fmt.Appendf(nil, `{"RoomKey": %q, "ListingKey": %q, "ModificationTimestamp": %q, %s}`, key, parent, at, fields))
			if err != nil {
				t.Fatal(err)
			}
		}
		report := s.mustSync(t, catalog.Rooms)
		if n := pass(t, report, catalog.Rooms).Counters.Failed; n != 3 {
			t.Errorf("%d records were refused, want 3", n)
		}
		for key, want := range map[string]string{
			"R-LEVEL": `column room_level, key R-LEVEL, value "Far above the roof (token)"`,
			"R-ORDER": `column room_order, key R-ORDER, value "70000"`,
			"R-TYPE":  `column room_type, key R-TYPE, value "Dungeon"`,
		} {
			reason := db.Strings(t, "SELECT reason FROM "+db.Table("agent_reject")+" WHERE record_key = '"+key+"'")
			if len(reason) != 1 || !strings.HasSuffix(reason[0][0], ": "+want) {
				t.Errorf("%s: %v, want it to end with %s", key, reason, want)
			}
		}
		if n, all := db.Count(t, "propertyrooms", ""), pass(t, report, catalog.Rooms).Check.Source; n == 0 || n > all-3 {
			t.Errorf("%d rows of %d", n, all)
		}
	})
}

// A full disk of the database server is said to be that.
func TestServersDiskIsFull(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewPostgres(t))
	s.mustSync(t, catalog.VOWProperty)
	s.db.Exec(t, `CREATE FUNCTION `+s.db.Table("full_disk")+`() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$`)
	s.db.Exec(t, `CREATE TRIGGER full_disk BEFORE INSERT ON `+s.db.Table("media")+` EXECUTE FUNCTION `+s.db.Table("full_disk")+`()`)
	s.config.RetryFor = time.Second
	_, err := s.sync(t, catalog.Media)
	if err == nil || !strings.Contains(err.Error(), "the database server's disk is full: make room there") {
		t.Errorf("error %v, want whose disk is full", err)
	}
}
