// Package auth finds out who asks the API, and what they may see: it turns the token of a request
// into an Access.
//
// # Tokens
//
// The header and the shape of a token say who verifies it; no verifier is tried after another.
//
//   - Authorization: Bearer with two dots: an access token of a UAA, checked offline against the
//     keys of its issuer.
//   - Authorization: Bearer dbk_…: a static token, compared with the digests of a file.
//   - X-Auth-Token: a token of Keystone, which Keystone validates.
//   - No token at all, where nothing is configured and the API listens on loopback: the open mode.
//
// # Access
//
// An Access holds rights for pairs of foundation and tenant: two foundations may have the same
// guids. Scope gives the pairs for the condition of a query; results must not be filtered behind
// it. A tenant out of Scope is answered like one that does not exist.
//
//   - Global scopes of a UAA and system tokens of Keystone: every tenant of the issuer's
//     foundations; of all foundations where there is one issuer, or the settings say so.
//   - Managers and billing managers of an organization: its usage and money. Auditors: its usage,
//     and its money by setting. A deleted organization has no roles.
//   - A token of a Keystone project: its usage and money.
//
// # Errors
//
// Authenticate fails with one of ErrNoToken, ErrInvalidToken, ErrBadRequest, ErrForbidden and
// ErrUnavailable. Refuse gives the answer to each. The cause in an ErrUnavailable is for the log:
// an operator may have to act. No error holds a token or a secret.
//
// It fails closed: where keys, roles or Keystone cannot be asked, nothing is shown (503).
//
// # Limits
//
//   - Tokens of 16 KiB; answers of 1 MiB, and of cfapi's limits; 5 s for an answer, 10 s for all
//     answers to one question.
//   - Keys: 100 of a UAA, read again after 10 min or for an unknown kid, at most once in 30 s;
//     good for 1 h without an answer of the UAA.
//   - Roles and Keystone's answers: remembered for 60 s from the question on, 10 s where they show
//     nothing, never longer because a server is down; 10,000 of them, and 16 questions at once. A
//     further question is answered with ErrUnavailable.
//   - Static tokens: 1,000 in a file of 1 MiB, which is read again after 10 s.
//
// So an Access may outlive a revocation: of a UAA's token until it expires, of a role or a
// Keystone token by 60 s, of a static token by 10 s.
package auth
