"""HTTP for every app: the app factory, JSON routes, errors, admission, limits, server and logs."""
