//! Secrets in commands, settings files, sentences and wrapped texts; and the same shapes without one.

use crate::{clean, redactor, token};
use serde_json::json;

#[test]
fn secrets_that_commands_and_files_carry_go() {
    let secret = "q7ZxKp2mVt9Lw4cR";
    for text in [
        "mysql -u root -pSECRET -h db.example.org app",
        "sshpass -p SECRET ssh deploy@example.org",
        "sshpass -p 'SECRET' ssh deploy@example.org",
        "docker login -u ci -p SECRET registry.example.org",
        "echo SECRET | docker login -u ci --password-stdin",
        "redis-cli -h cache -a SECRET ping",
        "ldapsearch -D cn=admin -w SECRET -b dc=x",
        "htpasswd -b .htpasswd deploy SECRET",
        "openssl enc -aes-256-cbc -k SECRET -in x",
        "openssl aes-256-cbc -d -k SECRET -in x",
        "docker --config /x -D login -u ci -p SECRET registry.example.org",
        "helm registry login r.example.org -u ci -p SECRET",
        "multi-tenant_pass = SECRET",
        "openssl rsa -passin pass:SECRET -in key",
        "keytool -list -storepass SECRET -keystore x",
        "sqlplus app/SECRET@db",
        "aws configure set aws_secret_access_key SECRET",
        "npm config set //registry.example.org/:_authToken SECRET",
        "ENV API_TOKEN SECRET",
        "set -x DB_PASSWORD SECRET",
        "ansible_become_pass: SECRET",
        "DB_PASS=SECRET",
        "psk=\"SECRET\"",
        "The password is SECRET for now.",
        "account x\nuser me\npassword SECRET\n",
        "poll e.org user \"me\" password \"SECRET\"",
        "db.example.org:5432:app:me:SECRET",
        "variable \"token\" {\n  type = string\n  default = \"SECRET\"\n}",
        "x\n--token SECRET\n",
        "x\r\n--password SECRET\r\n",
    ] {
        let said = clean(&[], &text.replace("SECRET", secret));
        assert!(!said.contains(&secret[..10]) && said.contains("[REDACTED:"), "{text}: {said}");
    }
    for text in [
        "passphrase: \"correct horse battery staple\"",
        "{'password': 'correct horse battery'}",
        "password: correct-horse-battery-staple",
        "  password=correct-horse-battery-staple\r\nnext",
        "passphrase: correct-horse-battery-staple # of the team",
    ] {
        assert!(!clean(&[], text).contains("horse"), "{text}");
    }
}

/// A variable of the environment is never a pass of a compiler, whatever stands before `_PASS`.
#[test]
fn a_variable_called_pass_is_a_password_whatever_the_name_before_it() {
    let secret = "Tr0ub4dor3xyzQ";
    for text in [
        "DB_2_PASS=SECRET",
        "SMTP_ACCOUNT_1_PASS=SECRET",
        "VPN_ALL_PASS=\"SECRET\"",
        "LAST_PASS=SECRET",
        "export ONE_PASS='SECRET'",
        "RENDER_PASS=SECRET",
        "HOST_1ST_PASS=SECRET",
        "user.2.pass=SECRET",
        "db_2_pass: SECRET",
        "vpn_all_pass = SECRET",
        "Site-Last-2_pass = SECRET",
    ] {
        let said = clean(&[], &text.replace("SECRET", secret));
        assert!(!said.contains(&secret[..10]) && said.contains("[REDACTED:"), "{text}: {said}");
    }
}

/// A password may look like a place on the net wherever the program takes no such place behind that option.
#[test]
fn a_password_behind_an_option_goes_also_where_it_looks_like_an_address() {
    for (text, secret) in [
        ("sshpass -p web.prod:2024 ssh me@h", "web.prod:2024"),
        ("openssl enc -aes-256-cbc -k abc.com:1234 -in x", "abc.com:1234"),
        ("redis-cli -a my.secret:99999 ping", "my.secret:99999"),
        ("zip -P 12345:678 x.zip y", "12345:678"),
        ("mysql -pab.cd:12345 app", "ab.cd:12345"),
        ("mysql -u me -p12345:678 app", "12345:678"),
        ("ldapsearch -D cn=me -w dc.corp:3890", "dc.corp:3890"),
        ("docker login -u ci -p web.prod:2024 r.example.org", "web.prod:2024"),
        ("docker login -u ci -p 12345:678", "12345:678"),
        ("docker.exe login -u ci -p q7ZxKp2mVt9L", "q7ZxKp2m"),
        ("& \"C:\\Program Files\\docker.exe\" login -p q7ZxKp2mVt9L", "q7ZxKp2m"),
        ("docker --config \"/my dir\" login -p q7ZxKp2mVt9L", "q7ZxKp2m"),
        ("docker --config='/my dir' --debug login -p q7ZxKp2mVt9L", "q7ZxKp2m"),
        ("docker --config /my\\ dir login -p q7ZxKp2mVt9L", "q7ZxKp2m"),
        ("openssl.exe enc -k q7ZxKp2mVt9L -in x", "q7ZxKp2m"),
    ] {
        let said = clean(&[], text);
        assert!(!said.contains(secret) && said.contains("[REDACTED:"), "{text}: {said}");
    }
}

#[test]
fn commands_and_sentences_without_a_secret_stay_as_they_are() {
    for text in [
        "docker run -p 8080:80 app",
        "docker run --name login -p 127.0.0.1:8080:80 app",
        "docker run -d --name login -p 8080:80 app",
        "docker --debug run --name login -p 8080:80/tcp app",
        "docker exec login sh -p 12345",
        "multi-pass = optimizer1",
        "render_pass: shadowmap2",
        "openssl dgst -k file.key x",
        "redis-cli -a localhost:6379",
        "docker --debug run --name login -p 127.0.0.1:8080:80 app",
        "docker --debug run --name login -p 8000-8010:80-90 app",
        "docker run -d --name mysql -p3307:3306 mysql:8",
        "1st_pass = optimizer1",
        "the.2nd.pass: optimizer1",
        "my_render_pass: shadowmap2",
        "redis-cli -a cache.example.org:6379 ping",
        "password: must-not-be-left-empty",
        "password: one-two-three",
        "secret: app-database-login-data",
        "mysql -u root -P 3306 -h db.example.org app",
        "unzip -p x.zip notes.txt",
        "openssl req -keyout key.pem -out csr.pem",
        "echo hello | sudo tee /etc/motd",
        "PASS: test-runner-1",
        "pass: 12 of 13",
        "first_pass = run_all()",
        "The token is required for that.",
        "the secret is in the vault",
        "password manager of the team",
        "ENV PATH /usr/local/bin:/usr/bin",
        "git config user.name somebody",
        "\"password\": \"please enter your password\"",
        "password: 'must not be empty'",
        "C:\\new\\table\\token\\readme.txt",
    ] {
        assert_eq!(clean(&[], text), text);
    }
}

#[test]
fn a_secret_goes_also_where_a_text_became_a_string_of_json_once_or_twice() {
    let text = format!("say \"{}\"\nDB_PASSWORD=\"q7ZxKp2m!Vt9\"\n\u{1b}[31mfailed\u{1b}[0m", token());
    let once = json!({ "out": text }).to_string();
    let twice = json!({ "a": once }).to_string();
    for wrapped in [&once, &twice] {
        let said = clean(&[], wrapped);
        assert!(!said.contains(&token()) && !said.contains("q7ZxKp2m"), "{said}");
        assert_eq!(said.matches("[REDACTED:").count(), 2, "{said}");
        let value: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert!(value.is_object());
    }
    let declared = "pa\"ss\\wörd";
    let wrapped = json!({ "a": json!({ "b": declared }).to_string() }).to_string();
    assert_eq!(clean(&[declared], &wrapped), r#"{"a":"{\"b\":\"[REDACTED:v0]\"}"}"#);
    // What is wrapped may not be what it seems; then nothing changes.
    let odd = "\\u12 \\uD83D \\x \\";
    assert_eq!(clean(&[], odd), odd);
}

#[test]
fn a_declared_value_goes_also_where_it_is_a_number() {
    let value = json!({ "pin": 83_749_261, "all": [-83_749_261.5, 12], "ok": true });
    let said = redactor(&["83749261"]).value(value);
    assert_eq!(said, json!({ "pin": "[REDACTED:v0]", "all": ["-[REDACTED:v0].5", 12], "ok": true }));
    let said = redactor(&["83749261"]).json("{\"n\": 83749261}").unwrap();
    assert_eq!(said, json!({ "n": "[REDACTED:v0]" }));
}

#[test]
fn hexadecimal_digits_that_an_encoder_folds_are_found() {
    let value = "a-value-of-more-than-thirty-bytes-in-all";
    let digits: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
    for fold in [60, 64, 76] {
        let lines: Vec<&str> =
            digits.as_bytes().chunks(fold).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let said = clean(&[value], &lines.join("\n"));
        assert!(!said.contains(&digits[..16]) && !said.contains(&digits[64..]), "{fold}: {said}");
    }
}

#[test]
fn passwords_below_short_names_beside_their_names_and_behind_logins_go() {
    for text in [
        "PASS=SECRET",
        "export PASS=\"SECRET\"",
        "PASS: SECRET",
        "pass: 'SECRET'",
        "smtpPass: SECRET",
        "{\"dbPass\":\"SECRET\"}",
        "{\"env\":[{\"name\":\"DB_PASSWORD\",\"value\":\"SECRET\"}]}",
        "[{\"name\": \"GH_TOKEN\", \"value\": \"SECRET\"}]",
        "    env:\n    - name: DB_PASSWORD\n      value: SECRET\n    - name: X\n",
        "    - name: SMTP_PASS\r\n      value: \"SECRET\"\r\n",
        "twine upload -u u -p SECRET dist/x",
        "az login --service-principal -u id -p SECRET --tenant t",
        "vault login SECRET",
        "vault login -no-print SECRET",
        "requirepass SECRET",
        "redis-server --requirepass SECRET",
        "CREATE USER app IDENTIFIED BY 'SECRET';",
        "ALTER USER 'app'@'%' IDENTIFIED WITH mysql_native_password BY 'SECRET'",
    ] {
        let said = clean(&[], &text.replace("SECRET", "dK93jfLs02mX"));
        assert!(!said.contains("dK93jf") && said.contains("[REDACTED:"), "{text}: {said}");
        let again = serde_json::from_str::<serde_json::Value>(text).is_err()
            || serde_json::from_str::<serde_json::Value>(&said).is_ok();
        assert!(again, "{text}: {said}");
    }
}

#[test]
fn results_of_tests_names_without_secrets_and_words_behind_logins_stay_as_they_are() {
    for text in [
        "PASS: gdb.base/a2-run.exp: run",
        "PASS: test_login_2 (0.01s)",
        "PASS: TestParseV2Config",
        "PASS: LoginTest#signsInWith2Factors",
        "PASS=1024 FAIL=0",
        "# PASS:  17",
        "pass: 20260101T101112",
        "bloomPass: UnrealBloomPass",
        "userPass: this.form.userPass",
        "let dbPass = process.env.DB_PASS;",
        "- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef: { name: db, key: password }\n",
        "- name: DB_PASSWORD\n  value: ${DB_PASSWORD}\n",
        "{\"name\":\"tokens\",\"value\":\"123456789\"}",
        "{\"name\":\"csrf-token\",\"value\":\"per-request\"}",
        "{\"name\":\"max_tokens\",\"value\":1048576}",
        "- name: token-count\n  value: 1048576\n",
        "az login --identity",
        "az login -u id -p $PASSWORD",
        "twine upload dist/* -u __token__ -p $PYPI_TOKEN",
        "vault login -method=oidc role=developer2",
        "run `vault login` again, then vault login documentation.",
        "the requirepass directive of redis",
        "requirepass ${REDIS_PASSWORD}",
        "IDENTIFIED BY 'password'",
        "IDENTIFIED BY '<password>'",
        "the user is identified by 'id'",
    ] {
        assert_eq!(clean(&[], text), text);
    }
}
