"""What the DAG files share: data days, assets, defaults, alerts."""
