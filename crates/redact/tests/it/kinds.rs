//! Kinds of ordinary text that look like secrets, and kinds of secrets that look ordinary.

use crate::clean;

#[test]
fn hashes_checksums_ids_and_data_of_every_kind_stay_as_they_are() {
    let kinds = [
        // Names that git gives.
        "commit 8c1f0e0b8f6f4c1b9d3a7e5c2b1a0f9e8d7c6b5a (HEAD -> main, origin/main)",
        "Merge: 3f2a9c1 77be012",
        "From 0a1b2c3d4e5f60718293a4b5c6d7e8f901234567 Mon Sep 17 00:00:00 2001",
        "uses: actions/checkout@b4ffde65f46336ab88eb53be808477a3936bae11 # v4.1.1",
        "GITHUB_SHA=b4ffde65f46336ab88eb53be808477a3936bae11",
        "cache key: cargo-linux-9f86d081884c7d65",
        // What lock files hold.
        "\"integrity\": \"sha512-9Zq3tP0mJ1bXyC5vR7sKdQ2wE4uTiO6pAaSdFgHjKlZxCvBnMqWeRtYuIoP1234567890abcdefghij==\"",
        "    --hash=sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
        "github.com/pkg/errors v0.9.1 h1:FEBLx1zS214owpjy7qsBeixbURkuhQAwrK5UwLGTwt4=",
        "  resolved \"https://r.example/a/-/a-1.2.3.tgz#6e1b2a0c3d4f5e6a7b8c9d0e1f2a3b4c5d6e7f80\"",
        "narHash = \"sha256-4bXe1mQ8s7yJp0K3vT6wZ9cR2nL5hF8dG1aS4qU7iOk=\";",
        "content-hash = \"7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069\"",
        "image: r.example/app@sha256:7d865e959b2466918c9863afca942d0fb89d7c9ac0c99bafc3749504ded97730",
        "/nix/store/3n58xw4373jp0ljirf06d8077j15pc4j-openssl-3.0.13",
        // Ids.
        "request_id=5f2b9a34-8c1d-4e6f-9a7b-0c1d2e3f4a5b trace_id=4bf92f3577b34da6a3ce929d0e0e4736",
        "\"clientId\": \"0f4c2d5e-77b1-4a6c-8f3d-2b9e1c0a7d65\", \"tenantId\": \"c0ffee00-1234-5678-9abc-def012345678\"",
        "etag: \"33a64df551425fcc55e4d42a148795d9f25f89d4\"",
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-a1b2c3",
        // Data and public halves.
        "caBundle: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJrVENCKzZBREFnRUNBZ0lK",
        "<img src=\"data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciLz4=\">",
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC7vbqajDhA7pS6tD0p1v me@host",
        "public_key: 9Cnzj4p4WGeKLs1Pt8QuKUpRKfFLfRYC9AIKjbJTWit",
        "SHA256:uNiVztksCsDhcc0u9e8BrsD3sJ4S2p0mQxYyKd5fXkI deploy key",
        "csrf-token=Mj2qykJO5rELyHgezQ69nzUX0i3OH67V7V4eUrLfpuyOuxm",
    ];
    same(&kinds);
}

#[test]
fn placeholders_examples_and_references_stay_as_they_are() {
    same(&[
        "password: <your password>",
        "api_key = \"YOUR_API_KEY\"",
        "token: put-your-token-here-123",
        "secret: ${{ secrets.DEPLOY_KEY_2 }}",
        "password: '{{ vault_db_password_2 }}'",
        "auth_token=%AUTH_TOKEN_2%",
        "client_secret: changeme",
        "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "sk-ant-api03-abc123xyz-456def789ghij-klmnopqrstuvwx-3456yza789bcde-1234fghijklmnopby56aaaogaopaaaabc123xyzAA",
        "API_TOKEN=\"glc_111111111111111111111111111111111111111111=\"",
        "DATABRICKS_TOKEN=dapi123456789012345678a9bc01234defg5",
        "secret: !Ref DbSecret2",
        "password: vault:kv/data/db#password2",
        "token: op://team/deploy2/credential",
        "private_key: /etc/ssl/private/server2.key",
        "signing-key: keys/release-2.pem",
        "keyVaultToStoreSecrets: team1-prod-1208358310",
        "secret: app-db-credentials-v2",
        "credentials: '{0}:{1}'",
    ]);
}

#[test]
fn code_and_numbers_about_tokens_stay_as_they_are() {
    same(&[
        "let paren_token = parenthesized!(content in ahead);",
        "pub colon2_token: Colon2,",
        "impl Iterator for token::Stream2 {",
        "self.client.login(user=login1, password=password)",
        "def sign(self, private_key: SSHCertPrivateKeyTypes) -> SSHCertificate:",
        "fn poll(token: usize, secret: &SharedSecret32) {",
        "const SECRET: _bindgen_ty_3 = _bindgen_ty_3::SECRET;",
        "dot11_key_direction_outbound: DOT11_KEY_DIRECTION = 3i32;",
        "token = request.headers[\"x-token-2\"]",
        "const apiKey = process.env.API_KEY_2;",
        "usage: input_tokens=18 231 output_tokens=4096, max_tokens: 200000",
        "secret_size: 0x1f40, token_ttl: 3600s, token: 42",
        "Unexpected token: '}' in JSON at position 4096",
        "total tokens: 1,234,567 (12.5k cached)",
    ]);
}

#[test]
fn secrets_that_look_ordinary_go() {
    for (text, secret) in [
        ("password: Winter2024!", "Winter2024!"),
        ("password = \"abcdefgh1234\"", "abcdefgh1234"),
        ("DB_PASSWORD=Tr0ub4dor&3x", "Tr0ub4dor"),
        ("login: admin, passwd: hunter2!x", "hunter2!x"),
        ("token: k3j4h5g6f7d8s9a0q1w2", "k3j4h5g6f7d8s9a0q1w2"),
        ("access_token=q7ZxKp2mV.t9Lw4cR8.b2Nd", "q7ZxKp2mV.t9Lw4cR8"),
        ("\"api_key\": \"a8f5f167f44f4964e6c998dee827110c\"", "a8f5f167f44f4964e6c998dee827110c"),
        ("api-key: 7f3c9d52-4be1-4c0a-9e6d-1a2b3c4d5e6f", "7f3c9d52"),
        ("client_secret: xK9_mQ2-pL7vR4", "xK9_mQ2-pL7vR4"),
        ("secret_key = 'q7ZxKp2m/Vt9+Lw4c'", "q7ZxKp2m/Vt9+Lw4c"),
        ("X-Auth-Token: 3vd8kq0zt5ma", "3vd8kq0zt5ma"),
        ("tool --token 8d7f6a5b4c3e", "8d7f6a5b4c3e"),
    ] {
        let said = clean(&[], text);
        assert!(!said.contains(secret) && said.contains("[REDACTED:"), "{text}: {said}");
    }
}

fn same(texts: &[&str]) {
    let changed: Vec<String> = texts
        .iter()
        .map(|text| clean(&[], text))
        .zip(texts)
        .filter(|(a, b)| a != *b)
        .map(|(a, _)| a)
        .collect();
    assert!(changed.is_empty(), "{changed:#?}");
}
