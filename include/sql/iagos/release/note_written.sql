-- The files of a product are there. Parameters: product_id, netcdf_path, netcdf_sha256, nasa_ames_path,
-- nasa_ames_sha256, diff_summary, now, run_id
UPDATE product
SET
    state = 'written',
    netcdf_path = %(netcdf_path)s,
    netcdf_sha256 = %(netcdf_sha256)s,
    nasa_ames_path = %(nasa_ames_path)s,
    nasa_ames_sha256 = %(nasa_ames_sha256)s,
    diff_summary = %(diff_summary)s,
    written_at_utc = %(now)s,
    run_id = %(run_id)s
WHERE product_id = %(product_id)s AND state = 'pending';
