-- The series of the file that was noted last in this session, which are noted anew after this.
DELETE FROM data_series
WHERE series_file_id = LAST_INSERT_ID();
