"""The words of single pages, one module a page; `studio/words.py` merges them with the words that all pages share."""
