"""The options of the command line, one file a group of commands; none imports what a command does."""
