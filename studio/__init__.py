"""The Streamlit studio."""
