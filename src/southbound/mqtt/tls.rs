//! The TLS side of a connection: the broker's certificate is always verified.

use std::{path::Path, sync::Arc};

use rustls::{
    CertificateError, ClientConfig, Error, RootCertStore,
    crypto::ring,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};

use super::Config;
use crate::secret::open_regular;

/// Reads the files anew, so that a renewed certificate counts from the next connection on.
///
/// # Errors
/// A text for the operator that names the file.
pub(super) fn client_config(config: &Config) -> Result<Arc<ClientConfig>, String> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS: {error}"))?
        .with_root_certificates(roots(config.ca_file.as_deref())?);
    let client = match (&config.cert_file, &config.key_file) {
        (None, None) => builder.with_no_client_auth(),
        (Some(cert_file), Some(key_file)) => {
            let chain = certificates(cert_file)?;
            let key = open_regular(key_file)
                .map_err(pem::Error::Io)
                .and_then(PrivateKeyDer::from_pem_reader)
                .map_err(|error| format!("key-file {}: {error}", key_file.display()))?;
            builder.with_client_auth_cert(chain, key).map_err(|error| {
                let file = cert_file.display();
                match error {
                    Error::InvalidCertificate(CertificateError::Other(_)) => format!(
                        "cert-file {file}: {error}; it must be of X.509 version 3, which `openssl x509 -req` makes with -extfile"
                    ),
                    error => format!("cert-file {file} and key-file do not fit: {error}"),
                }
            })?
        }
        (Some(_), None) => return Err("cert-file needs key-file".to_owned()),
        (None, Some(_)) => return Err("key-file needs cert-file".to_owned()),
    };
    Ok(Arc::new(client))
}

fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let Some(ca_file) = ca_file else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err("the system has no certificate authorities: set ca-file".to_owned());
        }
        return Ok(roots);
    };
    for certificate in certificates(ca_file)? {
        roots.add(certificate).map_err(|error| format!("ca-file {}: {error}", ca_file.display()))?;
    }
    Ok(roots)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let list: Vec<_> = open_regular(file)
        .map_err(pem::Error::Io)
        .and_then(|file| CertificateDer::pem_reader_iter(file).collect())
        .map_err(|error| format!("{}: {error}", file.display()))?;
    if list.is_empty() {
        return Err(format!("{}: no certificate in PEM in it", file.display()));
    }
    Ok(list)
}
