from security.tokens import TokenKind, derive, fingerprint, kind_of, mint


def test_a_token_says_what_it_is_for() -> None:
    assert all(kind_of(mint(kind)) is kind for kind in TokenKind)
    assert kind_of("tf_other_abc") is None


def test_no_kind_can_be_taken_for_another() -> None:
    assert not [(one, two) for one in TokenKind for two in TokenKind if one is not two and one.startswith(two)]


def test_no_two_tokens_are_the_same_and_none_is_short() -> None:
    tokens = {mint(TokenKind.SESSION) for _ in range(1000)}
    assert len(tokens) == 1000
    assert all(len(token) >= len(TokenKind.SESSION) + 43 for token in tokens)


def test_a_fingerprint_is_steady_and_tells_nothing() -> None:
    token = mint(TokenKind.LIVE)
    assert fingerprint(token) == fingerprint(token)
    assert token.encode() not in fingerprint(token)


def test_a_derived_secret_depends_on_the_token_and_on_its_purpose() -> None:
    token = mint(TokenKind.SESSION)
    assert derive(token, "csrf") == derive(token, "csrf")
    assert derive(token, "csrf") != derive(token, "other")
    assert derive(token, "csrf") != derive(mint(TokenKind.SESSION), "csrf")
