"""Papers from elsewhere: other servers and files. Each importer gives entries; `adding` adds them, all or none."""
