"""The daily page in the browser: FastAPI, Jinja templates, JSON, Atom, static files."""
