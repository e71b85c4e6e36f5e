use super::*;

fn origin(address: &str) -> Result<String, Vec<SettingsError>> {
    ConnectionSettings::new(address, Credentials::None, None).map(|settings| settings.origin())
}

#[test]
fn addresses_are_read_as_the_original_tool_and_as_urls() {
    let origins = [
        "127.0.0.1:9200",
        "es.example:9200",
        "http://es.example:9200/",
        "https://es.example",
        "https://es.example/elastic/west",
        "[::1]:9200",
    ]
    .map(|address| origin(address).expect("address is valid"));
    assert_eq!(
        origins,
        [
            "http://127.0.0.1:9200",
            "http://es.example:9200",
            "http://es.example:9200",
            "https://es.example:443",
            "https://es.example:443",
            "http://[::1]:9200",
        ]
    );
}

#[test]
fn addresses_that_hide_something_are_refused() {
    let scheme = |scheme: &str| SettingsError::UrlScheme {
        scheme: scheme.to_owned(),
    };
    let cases = [
        ("", SettingsError::UrlSyntax),
        ("https://", SettingsError::UrlSyntax),
        ("es example:9200", SettingsError::UrlSyntax),
        (
            "http://es.example\\@evil.example",
            SettingsError::UrlCredentials,
        ),
        ("http://es.example\\.evil.example", SettingsError::UrlSyntax),
        ("es:notaport", SettingsError::UrlSyntax),
        ("ftp://es.example", scheme("ftp")),
        ("file:///etc/passwd", scheme("file")),
        (
            "https://elastic:changeme@es.example",
            SettingsError::UrlCredentials,
        ),
        (
            "elastic:changeme@es.example:9200",
            SettingsError::UrlCredentials,
        ),
        ("https://es.example/?pretty", SettingsError::UrlQuery),
        ("https://es.example#top", SettingsError::UrlQuery),
        ("https://es.example/a/../b", SettingsError::UrlPath),
        ("https://es.example/a//b", SettingsError::UrlPath),
        ("https://es.example/%2e%2e/b", SettingsError::UrlPath),
    ];
    for (address, problem) in cases {
        assert_eq!(origin(address), Err(vec![problem]), "{address}");
    }
}

#[test]
fn secrets_that_no_header_can_carry_are_refused() {
    let basic = |username: &str, password: &str| Credentials::Basic {
        username: username.to_owned(),
        password: password.to_owned(),
    };
    let cases = [
        (
            Credentials::ApiKey("Zm9vOmJhcg==\n".to_owned()),
            SettingsError::ApiKey,
        ),
        (Credentials::ApiKey(String::new()), SettingsError::ApiKey),
        (
            Credentials::ApiKey("id:key".to_owned()),
            SettingsError::ApiKey,
        ),
        (basic("", "x"), SettingsError::Username),
        (basic("a:b", "x"), SettingsError::Username),
        (basic("elastic", "changeme\n"), SettingsError::Password),
    ];
    for (credentials, problem) in cases {
        let settings = ConnectionSettings::new("es:9200", credentials, None);
        assert_eq!(settings, Err(vec![problem]));
    }
}

#[test]
fn a_private_key_is_no_certificate_authority() {
    let key = "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n";
    let problems =
        |pem| ConnectionSettings::new("es:9200", Credentials::None, Some(pem)).unwrap_err();
    assert_eq!(problems(key), [SettingsError::CaPrivateKey]);
    assert_eq!(problems("not pem"), [SettingsError::CaInvalid]);
    assert_eq!(problems(""), [SettingsError::CaInvalid]);
}

#[test]
fn every_problem_is_told_at_once() {
    let settings = ConnectionSettings::new(
        "https://u:p@es",
        Credentials::ApiKey("a b".to_owned()),
        Some("not pem"),
    );
    assert_eq!(
        settings,
        Err(vec![
            SettingsError::UrlCredentials,
            SettingsError::ApiKey,
            SettingsError::CaInvalid
        ])
    );
}

#[test]
fn no_secret_is_printed() {
    for credentials in [
        Credentials::ApiKey("Y2FuYXJ5".to_owned()),
        Credentials::Basic {
            username: "canary".to_owned(),
            password: "Y2FuYXJ5".to_owned(),
        },
    ] {
        let settings = ConnectionSettings::new("es:9200", credentials, None).expect("valid");
        let printed = format!("{settings:?}");
        assert!(!printed.contains("Y2FuYXJ5"), "{printed}");
    }
}
