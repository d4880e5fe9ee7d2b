"""What Airflow watches for outside of runs."""
