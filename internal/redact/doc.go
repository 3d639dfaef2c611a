// Package redact removes secrets from what collectors read, before anything of it is stored or
// logged.
//
//   - URL is for a value that is a URL, such as the name of a custom buildpack.
//   - URLs is for a value of valid JSON that may hold URLs.
//   - SecretKey says which JSON members are secrets by their name.
//   - Text is for anything: broken JSON, JSON within a JSON string, headers, tracebacks. It goes to
//     QUARANTINE.
//
// All of them err on the side of removing too much, and redacting twice changes nothing. They are
// functions of their arguments alone.
package redact
