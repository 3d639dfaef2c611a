package identity

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"strings"
)

// Key is a key of a UAA for RS256, with its name (kid).
type Key struct {
	ID      string
	Private *rsa.PrivateKey
}

// NewKey makes a key of 2048 bits, in some 100 ms.
func NewKey(id string) Key {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return Key{ID: id, Private: private}
}

// Sign writes a JSON Web Token by RFC 7515. Header's members stand beside alg, kid and typ, or in
// their place.
func (k Key) Sign(header map[string]any, claims any) string {
	all := map[string]any{"alg": "RS256", "kid": k.ID, "typ": "JWT"}
	maps.Copy(all, header)
	text := segments(all, claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, k.Private, crypto.SHA256, sum[:])
	if err != nil {
		panic(err) // the key is long enough
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// segments are the signed parts of a token.
func segments(header, claims any) string {
	var parts [2]string
	for i, value := range []any{header, claims} {
		text, err := json.Marshal(value)
		if err != nil {
			panic(err) // the values are the tests' own, and all of them marshal
		}
		parts[i] = base64.RawURLEncoding.EncodeToString(text)
	}
	return parts[0] + "." + parts[1]
}

// Verify returns the claims of a token that the key has signed, nil for any other.
func (k Key) Verify(token string) []byte {
	i := strings.LastIndexByte(token, '.')
	if i < 0 {
		return nil
	}
	signature, err := base64.RawURLEncoding.DecodeString(token[i+1:])
	if err != nil {
		return nil
	}
	sum := sha256.Sum256([]byte(token[:i]))
	if rsa.VerifyPKCS1v15(&k.Private.PublicKey, crypto.SHA256, sum[:], signature) != nil {
		return nil
	}
	claims, err := base64.RawURLEncoding.DecodeString(token[strings.IndexByte(token, '.')+1 : i])
	if err != nil {
		return nil
	}
	return claims
}

// JWK is the public key as /token_keys has it.
func (k Key) JWK() map[string]string {
	return map[string]string{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": k.ID, "value": k.PEM(),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(k.Private.E)).Bytes()),
		"n": base64.RawURLEncoding.EncodeToString(k.Private.N.Bytes()),
	}
}

// PEM is the public key in PEM.
func (k Key) PEM() string {
	der, err := x509.MarshalPKIXPublicKey(&k.Private.PublicKey)
	if err != nil {
		panic(err) // an RSA key always marshals
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}
