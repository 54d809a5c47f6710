package simulator

import (
	"strconv"
	"time"
)

// sizesPerPhoto is how many Media rows one photo has.
const sizesPerPhoto = 5

type photoSize struct {
	name          string
	suffix        string
	width, height int
}

func (r *record) photoSize() photoSize {
	switch r.row.seq % sizesPerPhoto {
	case 0:
		return photoSize{"Largest", "_l", 1920, 1280}
	case 1:
		return photoSize{"Large", "_m", 1024, 683}
	case 2:
		return photoSize{"Medium", "_s", 480, 320}
	case 3:
		return photoSize{"Thumbnail", "_t", 240, 160}
	default:
		return photoSize{"LargestNoWatermark", "_nw", 1920, 1280}
	}
}

func (r *record) index() uint64 { return place20(int(r.row.parent), int(r.row.seq)) }

// document says whether a Media row is a file and not one size of a photo.
func (r *record) document() bool {
	return r.row.seq%sizesPerPhoto == 0 && r.world.dice.draw(r.index(), forPhoto)%40 == 0
}

func (r *record) deleted() bool {
	share := r.world.options.DeletedShare
	return share > 0 && r.world.dice.share(r.index(), r.def.step*resourceSteps+forDeleted) < share
}

// owner is the resource that a Media row belongs to.
func (r *record) owner() string {
	switch {
	case int(r.row.parent) < r.world.orphans:
		return Property
	case r.row.parent%2 == 0:
		return "Office"
	default:
		return "Member"
	}
}

func status(deleted bool) string {
	if deleted {
		return "Deleted"
	}
	return "Active"
}

func textWriter(text func(*record) string) writer {
	return func(dst []byte, r *record) []byte { return appendString(dst, text(r)) }
}

// columns are written by appendField; a column's writer is never reached.
func columnWriter(c column) writer {
	return func(dst []byte, r *record) []byte { return r.appendTime(dst, r.stamp(c), false) }
}

func keyWriter(dst []byte, r *record) []byte { return appendQuoted(r.appendKey, dst) }

func parentWriter(dst []byte, r *record) []byte { return appendQuoted(r.appendParent, dst) }

func mediaWriters() map[string]writer {
	side := func(length func(photoSize) int) writer {
		return func(dst []byte, r *record) []byte {
			if r.document() {
				return append(dst, "null"...)
			}
			return appendJavaDouble(dst, float64(length(r.photoSize())))
		}
	}
	return map[string]writer{
		"MediaKey": keyWriter, "ResourceRecordKey": parentWriter, "SourceSystemMediaKey": keyWriter,
		"MediaModificationTimestamp": columnWriter(columnStamp), "ModificationTimestamp": columnWriter(columnStamp2),
		"ImageHeight": side(func(s photoSize) int { return s.height }), "ImageWidth": side(func(s photoSize) int { return s.width }),
		"ImageSizeDescription": func(dst []byte, r *record) []byte {
			if r.document() {
				return append(dst, "null"...)
			}
			return appendString(dst, r.photoSize().name)
		},
		"MediaCategory": textWriter(func(r *record) string {
			if r.document() {
				return "Document"
			}
			return "Photo"
		}),
		"MediaType": textWriter(func(r *record) string {
			if r.document() {
				return "pdf"
			}
			return "image/jpeg"
		}),
		"MediaObjectID": func(dst []byte, r *record) []byte {
			photo := r.world.dice.draw(place20(int(r.row.parent), int(r.row.seq/sizesPerPhoto)), forPhoto)
			return append(appendUUID(append(dst, '"'), photo, scramble(photo), false), '"')
		},
		"MediaURL": func(dst []byte, r *record) []byte {
			dst = append(dst, `"https://media.example.com/`...)
			return append(append(r.appendKey(dst), r.photoSize().suffix...), `.jpg"`...)
		},
		"MediaStatus":      textWriter(func(r *record) string { return status(r.deleted()) }),
		"ResourceName":     textWriter((*record).owner),
		"Order":            func(dst []byte, r *record) []byte { return r.appendInteger(dst, int(r.row.seq/sizesPerPhoto)) },
		"PreferredPhotoYN": func(dst []byte, r *record) []byte { return strconv.AppendBool(dst, r.row.seq < sizesPerPhoto) },
	}
}

func roomWriters() map[string]writer {
	return map[string]writer{
		"RoomKey": keyWriter, "ListingKey": parentWriter, "ListingID": parentWriter,
		"ModificationTimestamp": columnWriter(columnStamp),
		"Order":                 func(dst []byte, r *record) []byte { return r.appendInteger(dst, int(r.row.seq)+1) },
		"RoomStatus":            textWriter(func(r *record) string { return status(r.deleted()) }),
	}
}

func openHouseWriters() map[string]writer {
	// Open houses take place in the fortnight after their last change.
	begin := func(r *record) time.Time {
		day := time.UnixMicro(r.origin()).UTC().Truncate(24 * time.Hour)
		draw := r.world.dice.draw(r.index(), forPhoto)
		return day.AddDate(0, 0, 1+int(draw%14)).Add(time.Duration(17+draw>>8%3) * time.Hour)
	}
	return map[string]writer{
		"OpenHouseKey": keyWriter, "ListingKey": parentWriter, "ModificationTimestamp": columnWriter(columnStamp),
		"OpenHouseId":   textWriter(func(r *record) string { return "OH" + strconv.Itoa(int(r.index()&(1<<31-1))) }),
		"OpenHouseDate": textWriter(func(r *record) string { return begin(r).Format(time.DateOnly) }),
		"OpenHouseStartTime": func(dst []byte, r *record) []byte {
			return r.appendTime(dst, begin(r).UnixMicro(), false)
		},
		"OpenHouseEndTime": func(dst []byte, r *record) []byte {
			return r.appendTime(dst, begin(r).Add(2*time.Hour).UnixMicro(), false)
		},
		"OriginalEntryTimestamp": func(dst []byte, r *record) []byte {
			return r.appendTime(dst, r.origin()-int64(r.index()%86400)*1e6, false)
		},
	}
}
