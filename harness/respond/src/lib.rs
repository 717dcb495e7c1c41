//! What an operations team has: monitor, alerts, catalogue of backups, procedures.
