"""`storeloom plugin new`: a vendor's own package, or one solution or adapter more in one that is there.

`request` reads and checks what is wanted, `project` finds the folder, `samples` makes messages of a stream from its schema, `render` fills
the templates, `listing` adds a line to a plugins.toml, `making` writes it all.

A template (`templates/*.txt`) is the file as it will stand, for `string.Template`: `$name` and `${name}` are replaced, `$$` is a `$`. What
differs from kind to kind (fields of a sample, a driver without commands) is a block of lines that stands alone in its line.
"""
