package bundle

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
)

// Types of PEM blocks.
const (
	blockPrivate = "PRIVATE KEY"
	blockPublic  = "PUBLIC KEY"
)

// PrivatePEM is a key for a file, as PKCS #8 in PEM.
func PrivatePEM(key ed25519.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encoding the key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: blockPrivate, Bytes: der}), nil
}

// ParsePrivate reads what PrivatePEM wrote.
func ParsePrivate(text []byte) (ed25519.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != blockPrivate {
		return nil, errors.New("it has no private key in PEM: daybook keys generate makes one")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("its private key cannot be read: %w", err)
	}
	if own, is := key.(ed25519.PrivateKey); is {
		return own, nil
	}
	return nil, fmt.Errorf("its private key is of another kind (%T): bundles are signed with ed25519", key)
}

// PublicPEM is the public key for those who check, as PKIX in PEM.
func PublicPEM(key ed25519.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("encoding the key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: blockPublic, Bytes: der}), nil
}

// ParsePublic reads what PublicPEM wrote.
func ParsePublic(text []byte) (ed25519.PublicKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != blockPublic {
		return nil, errors.New("it has no public key in PEM: daybook keys show prints one")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("its public key cannot be read: %w", err)
	}
	if own, is := key.(ed25519.PublicKey); is {
		return own, nil
	}
	return nil, fmt.Errorf("its public key is of another kind (%T): bundles are signed with ed25519", key)
}

// Fingerprint is a short name of a key: the SHA-256 of its bytes, as SSH writes it.
func Fingerprint(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}
