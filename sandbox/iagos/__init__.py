"""IAGOS in the sandbox: aircraft whose instruments drift and fail, a data centre, a drop folder, and the truth."""
