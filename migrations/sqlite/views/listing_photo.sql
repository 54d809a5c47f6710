-- One row for each photo, in its largest size. The rows of one photo in several
-- sizes share media_object_id; where a source tells no size, each row is a
-- photo. Both windows are partitioned by the listing, so that a condition on
-- listing_key reaches the primary key of Media.
-- Of two rows of one photo, the one with a timestamp is taken for the newer.
SELECT
  listing_key,
  row_number() OVER (PARTITION BY listing_key
    ORDER BY media_order NULLS LAST, coalesce(preferred_photo_yn, 0) DESC, media_key) AS photo_number,
  media_key,
  media_object_id,
  image_size_description,
  media_type,
  media_url,
  short_description,
  media_order,
  preferred_photo_yn,
  modification_timestamp
FROM (
  SELECT
    resource_record_key AS listing_key,
    row_number() OVER (PARTITION BY resource_record_key,
      CASE WHEN image_size_description IS NULL THEN media_key ELSE coalesce(nullif(media_object_id, ''), media_key) END
      ORDER BY CASE image_size_description
        WHEN 'Largest' THEN 1 WHEN 'LargestNoWatermark' THEN 2 WHEN 'Large' THEN 3
        WHEN 'Medium' THEN 5 WHEN 'Thumbnail' THEN 6 ELSE 4 END, record_timestamp DESC NULLS LAST, media_key) AS choice,
    media_key, media_object_id, image_size_description, media_type, media_url,
    CASE WHEN json_valid(record) THEN record ->> '$.ShortDescription' END AS short_description,
    media_order, preferred_photo_yn, modification_timestamp
  FROM Media
  WHERE coalesce(resource_name, 'Property') = 'Property'
    AND (media_category = 'Photo' OR image_size_description IS NOT NULL
      OR media_category IS NULL AND (media_type IS NULL OR lower(media_type) LIKE 'image/%' OR lower(media_type) IN ('jpeg', 'jpg', 'png', 'gif', 'webp')))
) sizes
WHERE choice = 1
