"""The REST API of bulk scripts and their tasks, as the users of midPoint know it.

A face, like :mod:`odimra.redfish` and :mod:`odimra.crest`: HTTP in, HTTP out. Everything lies under
``/ws/rest`` and ``/midpoint/ws/rest``, in XML, JSON or YAML.
"""
