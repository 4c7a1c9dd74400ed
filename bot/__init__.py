"""The service: hears of merge requests from GitLab, reviews them, says so there, and fixes what it is asked to fix."""
