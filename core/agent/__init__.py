"""The store agent: brings its store to the release that it is to run, watches it, goes back by itself, and tells what it does."""
