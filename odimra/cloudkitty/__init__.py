"""The face of rating: CloudKitty's REST API, as its operators' clients call it."""
