"""The commands, a module for each group; :mod:`odimra.client.lazy` knows them by name."""
