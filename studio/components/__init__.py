"""Components of the studio that Streamlit does not have: Python wrappers around plain JavaScript and CSS."""
