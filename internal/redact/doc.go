// Package redact removes secrets from the input of collectors, before anything of it is stored or
// logged.
//
//   - URL is for a URL as a value, such as the name of a custom buildpack.
//   - URLs is for a value of valid JSON with URLs in it.
//   - SecretKey recognises JSON members with secrets by their name.
//   - Text is for anything: broken JSON, JSON within a JSON string, headers, tracebacks. It goes to
//     QUARANTINE.
//
// All of them err on the side of removing too much, and redacting twice changes nothing. They are
// functions of their arguments alone.
package redact
