"""Records → MLflow: a mirror that can always be rebuilt from a run's directory. Nothing else imports MLflow."""
