package agent_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"resoagent/internal/harness"
)

// Each photo once, in its largest size, in order: with the sizes of one provider,
// and the rows of others that have none.
func TestListingPhoto(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		s.mustSync(t, "idx_property")
		n := 0
		// A row: listing, key, object, category, type, size, order, preferred.
		for _, row := range [][]string{
			// Two photos in sizes, one without its largest, a document, a photo of an office.
			{"SIZES", "m1", "o1", "Photo", "image/jpeg", "Thumbnail", "1", "false"},
			{"SIZES", "m2", "o1", "Photo", "image/jpeg", "LargestNoWatermark", "1", "false"},
			{"SIZES", "m3", "o1", "Photo", "image/jpeg", "Large", "1", "false"},
			{"SIZES", "m4", "o2", "Photo", "image/jpeg", "Medium", "0", "true"},
			{"SIZES", "m5", "o2", "Photo", "image/jpeg", "Largest", "0", "true"},
			{"SIZES", "m6", "o2", "Photo", "image/jpeg", "LargestNoWatermark", "0", "true"},
			{"SIZES", "m7", "o3", "Photo", "image/jpeg", "Sideways", "2", ""},
			{"SIZES", "m8", "o3", "Photo", "image/jpeg", "Medium", "2", ""},
			{"SIZES", "m9", "o4", "Document", "pdf", "", "3", ""},
			// The same object in another listing is another photo.
			{"OTHER", "m1", "o1", "Photo", "image/jpeg", "Largest", "1", ""},
			// Sizes without an object cannot be told to be one photo.
			{"NOOBJECT", "m1", "", "Photo", "image/jpeg", "Large", "1", ""},
			{"NOOBJECT", "m2", "", "Photo", "image/jpeg", "Largest", "1", ""},
			// No sizes: each row is a photo, whatever its object is.
			{"PLAIN", "c", "same", "Photo", "", "", "", ""},
			{"PLAIN", "b", "same", "Photo", "", "", "", "true"},
			{"PLAIN", "a", "same", "Photo", "", "", "7", ""},
			{"PLAIN", "d", "", "Floor Plan", "", "", "1", ""},
			// No category either: the type tells.
			{"BARE", "a", "", "", "image/png", "", "2", ""},
			{"BARE", "b", "", "", "JPEG", "", "1", ""},
			{"BARE", "c", "", "", "", "", "3", ""},
			{"BARE", "d", "", "", "video/mp4", "", "0", ""},
		} {
			n++
			quoted := make([]string, len(row))
			for i, v := range row {
				quoted[i] = "NULL"
				if v != "" {
					quoted[i] = "'" + v + "'"
				}
				if v != "" && i >= 6 {
					quoted[i] = v
				}
			}
			db.Exec(t, fmt.Sprintf(`INSERT INTO %s (resource_record_key, media_key, media_object_id, media_category, media_type, image_size_description,
				media_order, preferred_photo_yn, resource_name, record_timestamp, record_hash, record)
				VALUES (%s, 'Property', '2024-01-01T00:00:00Z', 0, '{"ShortDescription":"text %d"}')`, db.Table("media"), strings.Join(quoted, ", "), n))
		}
		db.Exec(t, "UPDATE "+db.Table("media")+" SET resource_name = 'Office' WHERE resource_record_key = 'OTHER'")
		got := make(map[string][]string)
		for _, row := range db.Strings(t, "SELECT listing_key, photo_number, media_key, short_description FROM "+db.Table("listing_photo")+" ORDER BY 1, 2") {
			got[row[0]] = append(got[row[0]], row[1]+" "+row[2]+" "+row[3])
		}
		want := map[string][]string{
			"SIZES":    {"1 m5 text 5", "2 m2 text 2", "3 m7 text 7"},
			"NOOBJECT": {"1 m1 text 11", "2 m2 text 12"},
			"PLAIN":    {"1 a text 15", "2 b text 14", "3 c text 13"},
			"BARE":     {"1 b text 18", "2 a text 17", "3 c text 19"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("photos (-want +got):\n%s", diff)
		}
	})
}

// Of a simulated feed, where every photo has five sizes and some are documents.
func TestListingPhotoOfAFeed(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		s.mustSync(t)
		photos := db.Strings(t, "SELECT listing_key, media_object_id FROM "+db.Table("listing_photo")+" ORDER BY 1, 2")
		want := db.Strings(t, "SELECT DISTINCT resource_record_key, media_object_id FROM "+db.Table("media")+" WHERE media_category = 'Photo' ORDER BY 1, 2")
		if diff := cmp.Diff(want, photos); diff != "" || len(photos) < 100 {
			t.Errorf("%d photos (-want +got):\n%s", len(photos), diff)
		}
		for _, wrong := range []string{
			"SELECT count(*) FROM %[1]s WHERE image_size_description <> 'Largest' AND media_key IN (SELECT a.media_key FROM %[2]s a JOIN %[2]s b ON " +
				"a.resource_record_key = b.resource_record_key AND a.media_object_id = b.media_object_id AND b.image_size_description = 'Largest')",
			"SELECT count(*) FROM %[1]s a JOIN %[1]s b ON a.listing_key = b.listing_key AND a.photo_number < b.photo_number AND a.media_order > b.media_order",
			"SELECT count(*) FROM (SELECT listing_key FROM %[1]s GROUP BY listing_key HAVING max(photo_number) <> count(*) OR min(photo_number) <> 1) t",
			"SELECT count(*) FROM %[3]s WHERE listing_key NOT IN (SELECT listing_key FROM %[4]s)",
		} {
			query := fmt.Sprintf(wrong+" -- %[1]s %[2]s %[3]s %[4]s", db.Table("listing_photo"), db.Table("media"), db.Table("idx_photo"), db.Table("idx_listing"))
			if n := db.Int(t, query); n != 0 {
				t.Errorf("%d: %s", n, query)
			}
		}
		all, idx := db.Count(t, "listing_photo", "listing_key IN (SELECT listing_key FROM "+db.Table("idx_listing")+")"), db.Count(t, "idx_photo", "")
		if all != idx || idx == int64(len(photos)) {
			t.Errorf("idx_photo has %d photos, want %d, of %d", idx, all, len(photos))
		}
	})
}
