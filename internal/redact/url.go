package redact

import (
	"bytes"
	"regexp"
	"strings"
)

const (
	mask     = "***"
	userinfo = "***:***@" // as Cloud Controller's UrlSecretObfuscator writes it
)

// at and slash are the forms of "@" and "//" in a URL inside JSON before decoding.
var (
	schemeMark = regexp.MustCompile(`://|:(?:\\+/){2}|:\\+u002[fF]\\+u002[fF]`)
	atSign     = regexp.MustCompile(`@|\\+u0040`)
	hostPort   = regexp.MustCompile(`^[^:@/]*:\d{1,5}(?:[/?#\\]|$)`)
	barePair   = regexp.MustCompile(`[^\s"'@/\\:,;<>(){}\[\]]+:[^\s"'@\\,;<>]+@[^\s"'@]`)
	gitRef     = regexp.MustCompile(`^[\w./-]{1,64}$`)
	// gitHost and gitPath are the forms of the URL of a git repository, without its scheme: a host
	// of many, or a path that ends as a repository or a buildpack does. A fragment of any other URL
	// names no branch.
	gitHost = regexp.MustCompile(`(?i)^(?:[\w-]+\.)*(?:github|gitlab|bitbucket)\.[\w.-]+(?::\d+)?[/\\]`)
	gitPath = regexp.MustCompile(`(?i)[/\\:](?:[^/\\]*\.git|[^/\\]*buildpack[\w-]*)/?$`)
	version = regexp.MustCompile(`^v?\d+(?:\.\d+){1,3}$`)
	commit  = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)
	// tokenLike is the start of access tokens with their issuer's name: GitHub, GitLab, Slack, AWS,
	// npm, JSON Web Tokens.
	tokenLike = regexp.MustCompile(`^(?:gh[a-z]_|github_pat_|glpat-|gl[a-z]+-|xox[a-z]-|AKIA|ASIA|npm_|sk[-_]|eyJ)[\w.-]{10}`)
	randomRun = regexp.MustCompile(`[A-Za-z0-9_]{20,}`)
	// scpForm is git@host:path with a query or a fragment.
	scpForm   = regexp.MustCompile(`[\w.-]+@[\w.-]+:[^\s"'<>?#/\\][^\s"'<>?#\\]*[?#][^\s"'<>\\]*`)
	pathValue = regexp.MustCompile(`;([^=;/]*)=[^;/]*`) // a parameter of a path segment, RFC 3986 section 3.3
	wholeURL  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`)
)

// URL removes the secrets of a URL or the name of a buildpack: userinfo becomes
// "***:***", every query value and path parameter "***", and so do values in the fragment. A
// fragment without a value is kept where it is a version or a full commit, and behind the URL of a
// git repository where it may be the name of a branch or tag: a long run of letters and digits is
// more likely a token. Cloud Controller redacts the userinfo of URLs that it can parse,
// and nothing else. A name without a URL and the scp form git@host:path have no password and stay
// as they are, but for a query and a fragment behind the latter.
func URL(s string) string {
	if !strings.ContainsAny(s, ":@") {
		return s
	}
	m := scheme(s)
	if m == nil {
		return pairs(s)
	}
	return s[:m[1]] + afterScheme(s[m[1]:])
}

// URLs applies URL to every URL in a text.
func URLs(s string) string {
	if !strings.ContainsAny(s, ":@") {
		return s
	}
	var b strings.Builder
	for {
		m := scheme(s)
		if m == nil {
			b.WriteString(pairs(s))
			return b.String()
		}
		end := m[1] + urlEnd(s[m[1]:])
		b.WriteString(pairs(s[:m[0]]))
		b.WriteString(s[m[0]:m[1]])
		b.WriteString(afterScheme(s[m[1]:end]))
		s = s[end:]
	}
}

// scheme returns the place of the first schemeMark in s, nil without one. Only the forms with a
// backslash need an expression.
func scheme(s string) []int {
	if strings.Contains(s, `:\`) {
		return schemeMark.FindStringIndex(s)
	}
	if i := strings.Index(s, "://"); i >= 0 {
		return []int{i, i + len("://")}
	}
	return nil
}

// Value redacts a string of an event: as one URL, white space and all, where it begins as one, and
// each URL in it.
func Value(s string) string {
	if strings.Contains(s, "://") && wholeURL.MatchString(s) {
		s = URL(s)
	}
	return URLs(s)
}

// pairs removes user:password@ in front of a host without a scheme.
func pairs(s string) string {
	if !strings.Contains(s, "@") {
		return s
	}
	s = scpForm.ReplaceAllStringFunc(s, func(m string) string {
		i := strings.IndexAny(m, "?#")
		return m[:i] + tail(m[i:], true)
	})
	return barePair.ReplaceAllStringFunc(s, func(m string) string {
		if hostPort.MatchString(m) {
			return m // registry:5000/image@sha256
		}
		return userinfo + m[len(m)-1:]
	})
}

// urlEnd is where a URL in a text ends: at white space, a quote, an angle bracket, or a control
// character; and at the next URL, with a scheme of its own. A backslash before a quote
// belongs to the quote.
func urlEnd(s string) int {
	end := len(s)
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c <= ' ' || c == '"' || c == '\'' || c == '<' || c == '>' || c == '`' {
			end = i
			for end > 0 && s[end-1] == '\\' {
				end--
			}
			break
		}
	}
	return end
}

// afterScheme redacts what follows the "//" of a URL. It parses nothing that a wrong URL could
// fail.
func afterScheme(s string) string {
	authority := len(s)
	if i := strings.IndexAny(s, "/?#\\"); i >= 0 {
		authority = i
		for strings.HasPrefix(s[authority:], `\u0040`) || strings.HasPrefix(s[authority:], `\\u0040`) {
			// an escaped @ does not end the authority
			j := strings.IndexAny(s[authority+6:], "/?#\\")
			if j < 0 {
				authority = len(s)
				break
			}
			authority += 6 + j
		}
	}
	host := lastAt(s[:authority])
	if host == 0 && strings.Contains(s[:authority], ":") && !hostPort.MatchString(s) {
		// A password with an unescaped "/", "?" or "#" hides its "@" behind what looks like the
		// path.
		host = lastAt(s)
	}
	prefix := ""
	if host > 0 {
		prefix, s = userinfo, s[host:]
	}
	base := len(s)
	if i := strings.IndexAny(s, "?#"); i >= 0 {
		base = i
	}
	path := s[:base]
	if strings.Contains(path, ";") {
		path = pathValue.ReplaceAllString(path, ";$1="+mask)
	}
	if base == len(s) {
		return prefix + path
	}
	return prefix + path + tail(s[base:], gitHost.MatchString(s[:base]) || gitPath.MatchString(s[:base]))
}

// tail redacts the query and the fragment of a URL at the start of s; either may be missing. git
// tells whether the URL is that of a git repository.
func tail(s string, git bool) string {
	s, fragment, hasFragment := strings.Cut(s, "#")
	if query, hasQuery := strings.CutPrefix(s, "?"); hasQuery {
		s = "?" + values(query)
	}
	if !hasFragment {
		return s
	}
	if fragment == "" || version.MatchString(fragment) || commit.MatchString(fragment) || git && isGitRef(fragment) {
		return s + "#" + fragment
	}
	return s + "#" + values(fragment)
}

// isGitRef reports whether a fragment is likely the name of a git branch or tag, and no secret.
func isGitRef(fragment string) bool {
	if !gitRef.MatchString(fragment) || SecretKey(fragment) || tokenLike.MatchString(fragment) {
		return false
	}
	for _, run := range randomRun.FindAllString(fragment, -1) {
		if strings.ContainsAny(run, "0123456789") && strings.ContainsAny(strings.ToLower(run),
			"abcdefghijklmnopqrstuvwxyz") {
			return false
		}
	}
	return true
}

// lastAt returns the position behind the last "@", 0 when there is none.
func lastAt(s string) int {
	if !strings.ContainsAny(s, `@\`) {
		return 0
	}
	all := atSign.FindAllStringIndex(s, -1)
	if len(all) == 0 {
		return 0
	}
	return all[len(all)-1][1]
}

// values masks the values of a query; a parameter without a value is all value.
func values(query string) string {
	if query == "" {
		return ""
	}
	parts := strings.FieldsFunc(query, func(r rune) bool { return r == '&' || r == ';' })
	for i, p := range parts {
		name, _, found := strings.Cut(p, "=")
		if found {
			parts[i] = name + "=" + mask
		} else {
			parts[i] = mask
		}
	}
	return strings.Join(parts, "&")
}

// MayHoldSecret is a cheap test of JSON before Value is applied to its strings: without one of
// these bytes, no string in it can hold a URL with a secret.
func MayHoldSecret(json []byte) bool {
	return bytes.ContainsAny(json, "@?#;\\")
}
