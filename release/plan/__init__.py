"""The ordered steps of a release as data. Planners are pure: values in, a plan out."""
