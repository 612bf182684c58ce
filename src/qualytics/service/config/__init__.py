"""Configuration as code: many connections and datastores compared with what is stored, and stored at once."""
