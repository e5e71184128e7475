"""The pages of the studio, each a script that Streamlit runs. Not named `pages`: that name would bring Streamlit's older navigation."""
