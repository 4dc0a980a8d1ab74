"""Folders of Kilosort, Phy and of any sorter that exports to them: sorted units."""
