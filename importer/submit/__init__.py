"""Story two, async, one directory and one owner: operations become calls, and calls become outcomes."""
