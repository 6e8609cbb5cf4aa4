"""The composition root: settings become backends, backends and the database become services, services get doors."""
