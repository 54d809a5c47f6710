-- The photos of the listings of the IDX feed. Photos are fetched with the VOW
-- token where there is one, so listing_photo also has those of listings that a
-- public page must not show.
SELECT p.*
FROM listing_photo p
WHERE EXISTS (SELECT 1 FROM idx_property l WHERE l.listing_key = p.listing_key)
