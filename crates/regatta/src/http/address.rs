//! Where a server listens: an address of the loopback, and no other.

use crate::error::CliError;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// An address as a person writes it: `127.0.0.1:7420`, `[::1]:7420`, `localhost:7420`, or a part of it.
///
/// # Errors
/// It is no address, or one that others can reach. No name is looked up.
pub fn loopback(given: &str, default_port: u16) -> Result<SocketAddr, CliError> {
    let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let hint = format!("--http 127.0.0.1:{default_port}");
    let port = |text: &str| text.parse::<u16>().ok();
    let address = match given {
        "" | "localhost" => Some(SocketAddr::new(local, default_port)),
        _ => given
            .strip_prefix("localhost:")
            .map_or_else(|| port(given), port)
            .map(|port| SocketAddr::new(local, port))
            .or_else(|| given.parse().ok())
            .or_else(|| given.parse().ok().map(|ip: IpAddr| SocketAddr::new(ip, default_port))),
    };
    let Some(address) = address else {
        return Err(CliError::usage(format!("`{given}` is no address to listen on")).hint(hint));
    };
    // The other addresses of the loopback have no name that a client could be checked for.
    if [IpAddr::from([127, 0, 0, 1]), IpAddr::V6(std::net::Ipv6Addr::LOCALHOST)].contains(&address.ip()) {
        return Ok(address);
    }
    let message = format!("`{given}` is not on the loopback: others could reach the server");
    Err(CliError::usage(message).hint(format!("{hint}, and a tunnel of ssh from elsewhere")))
}

#[cfg(test)]
mod tests {
    use super::loopback;

    #[test]
    fn only_addresses_of_the_loopback_are_listened_on() {
        for (given, expected) in [
            ("127.0.0.1:80", Some("127.0.0.1:80")),
            ("127.9.8.7:0", None),
            ("[::1]:80", Some("[::1]:80")),
            ("localhost:80", Some("127.0.0.1:80")),
            ("localhost", Some("127.0.0.1:7420")),
            ("127.0.0.1", Some("127.0.0.1:7420")),
            ("::1", Some("[::1]:7420")),
            ("80", Some("127.0.0.1:80")),
            ("", Some("127.0.0.1:7420")),
            ("0.0.0.0:80", None),
            ("[::]:80", None),
            ("192.168.1.2:80", None),
            ("[::ffff:127.0.0.1]:80", None),
            ("example.org:80", None),
            ("localhost:99999", None),
            ("localhost.evil.example:80", None),
            ("80:80", None),
        ] {
            let found = loopback(given, 7420);
            assert_eq!(found.as_ref().ok().map(ToString::to_string).as_deref(), expected, "{given}");
            if let Err(error) = found {
                assert_eq!(error.exit.code(), 2, "{given}");
            }
        }
    }
}
