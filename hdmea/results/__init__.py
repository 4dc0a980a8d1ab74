"""Result files: what is in them, how they are written and read, in every layout.

How a layout is made
--------------------
A *codec* (`hdmea.results.codec.Codec`) is a name and a list of *parts*; it is made known with
`hdmea.results.codec.register`, as `hdmea.results.parts` does for ``columns``. A part is one class with

``plan(content, root)``
    Adds groups and datasets (`hdmea.results.nodes`) below the root of the file to be. Everything that may be
    wrong with a value is found here, before a file is touched; the error names its path.
``read(file, content, source)``
    Puts what an open file (`hdmea.results.reading.Place`) holds into the content. With a `source`
    (`hdmea.results.unread.Source`) large arrays are left in the file: as `Unread` entries in a `LazyDict`.
    What a part needs of another is read by one that precedes it in the list.
``update(writer, content, changed)``
    Brings its part of an open copy of the file up to date (`hdmea.results.writing.Writer.replace`), or
    returns False if the file has to be written as a whole.

The parts of a codec share dictionaries and arrays as `hdmea.results.trees` (one object per entry) and
`hdmea.results.columns` (one dataset per quantity of all units) store them, and single values as
`hdmea.results.leaves` does. `hdmea.results.files` does the rest for all layouts: locks, revision, free space,
writing without lost errors, verification, replacing, and keeping unread values readable.

``recognises``, ``summarize`` and ``revision`` of a codec tell files of its layout, what such a file says
about itself, and what identifies its state. Order of registration is the order of asking.
"""
