//! Certificates that come to their end: a metric counts down, and the log says so in time.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use metrics::gauge;
use tracing::{error, warn};

use super::parts::{CertificateExpiry, CertificateUse};

/// How long before its end a certificate is worth a line of the log: those of automatic authorities are renewed a month before.
const SOON: TimeDelta = TimeDelta::days(14);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Valid,
    Soon,
    Expired,
}

/// What was said of the certificates in force.
#[derive(Debug, Default)]
pub(super) struct ExpiryWatch(BTreeMap<CertificateUse, Stage>);

impl ExpiryWatch {
    /// Sets the metric of each use, and logs those of which something else holds than the last time.
    pub(super) fn look(&mut self, certificates: &[CertificateExpiry], now: DateTime<Utc>) {
        for of in CertificateUse::ALL {
            let expiry = certificates.iter().find(|certificate| certificate.of == of);
            let seconds = expiry.map_or(f64::NAN, |expiry| (expiry.not_after - now).as_seconds_f64());
            gauge!("rescind_certificate_expires_in_seconds", "certificate" => of.as_str()).set(seconds);
        }
        for (expiry, stage) in self.changes(certificates, now) {
            let (certificate, not_after) = (expiry.of.as_str(), expiry.not_after.to_rfc3339_opts(SecondsFormat::Secs, true));
            match stage {
                Stage::Valid => {}
                Stage::Soon => {
                    warn!(certificate, not_after, "a certificate expires within 14 days (put its successor into the same files)");
                }
                Stage::Expired => {
                    error!(
                        certificate,
                        not_after, "a certificate has expired: what relies on it fails (put its successor into the same files)"
                    );
                }
            }
        }
    }

    fn changes(&mut self, certificates: &[CertificateExpiry], now: DateTime<Utc>) -> Vec<(CertificateExpiry, Stage)> {
        let stage_of = |expiry: &CertificateExpiry| match expiry.not_after - now {
            left if left < TimeDelta::zero() => Stage::Expired,
            left if left < SOON => Stage::Soon,
            _ => Stage::Valid,
        };
        let stages = certificates.iter().map(|expiry| (*expiry, stage_of(expiry)));
        stages.filter(|(expiry, stage)| self.0.insert(expiry.of, *stage).unwrap_or(Stage::Valid) != *stage).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f81_a_certificate_is_told_once_when_its_end_is_near_and_once_when_it_is_over() {
        let not_after: DateTime<Utc> = "2026-03-01T12:00:00Z".parse().unwrap();
        let certificate = |not_after| [CertificateExpiry { of: CertificateUse::Callback, not_after }];
        let (second, mut watch) = (TimeDelta::seconds(1), ExpiryWatch::default());
        let mut said = |not_after, now| watch.changes(&certificate(not_after), now).first().map(|(_, stage)| *stage);
        for (now, stage) in [
            (not_after - SOON, None),
            (not_after - SOON + second, Some(Stage::Soon)),
            (not_after - second, None),
            (not_after, None),
            (not_after + second, Some(Stage::Expired)),
            (not_after + SOON, None),
        ] {
            assert_eq!(said(not_after, now), stage, "{now}");
        }
        // Its successor is in force.
        assert_eq!(said(not_after + SOON * 3, not_after), Some(Stage::Valid));
        assert_eq!(said(not_after + SOON * 3, not_after), None);
    }
}
