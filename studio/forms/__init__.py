"""Forms from JSON Schemas: a pure model (`schema`, `kinds`, `model`) and its drawing on Streamlit's own widgets (`render`)."""
