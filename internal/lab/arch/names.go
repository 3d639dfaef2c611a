package arch

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

// elsewhere are names in the form of a path of this module, with their real nature.
var elsewhere = map[string]string{
	"bin":          "built by make",
	"nats.go":      "a module: github.com/nats-io/nats.go",
	"orbit.go":     "a module: github.com/synadia-io/orbit.go",
	"filestore.go": "a file of nats-server's",
}

// foreign are the first folders of files in other projects.
var foreign = []string{"nats-server", "github.com"}

var (
	codeSpan     = regexp.MustCompile("`[^`\n]+`")
	markdownLink = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	goFileName   = regexp.MustCompile(`[A-Za-z0-9_.*/-]*[A-Za-z0-9_*]\.go\b`)
	pathShape    = regexp.MustCompile(`^[A-Za-z0-9_.*-]+(/[A-Za-z0-9_.*-]+)*/?$`)
)

// MissingFromPage returns a Markdown page's paths to nothing: the targets of its links, and the
// paths in its code spans. A path in a code span counts from the root or the page's folder, or is
// the end of a path.
func (t *Tree) MissingFromPage(page, text string) []string {
	var broken []string
	for i, line := range strings.Split(text, "\n") {
		complain := func(name, why string) {
			broken = append(broken, fmt.Sprintf("%s:%d: names %s, %s", page, i+1, name, why))
		}
		for _, m := range markdownLink.FindAllStringSubmatch(line, -1) {
			target, _, _ := strings.Cut(m[1], "#")
			if target == "" || strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			if !t.has(path.Join(path.Dir(page), target)) {
				complain(target, "a link to nothing")
			}
		}
		for _, span := range codeSpan.FindAllString(line, -1) {
			for word := range strings.FieldsSeq(strings.Trim(span, "`")) {
				if name := t.named(word); name != "" && !t.has(path.Join(path.Dir(page), name)) && !t.endsWith(name) {
					complain(name, "and there is no such file or folder")
				}
			}
		}
	}
	return broken
}

// named is the path in a word of a code span, "" for none: a path that begins with a folder at the
// root, a file in Go, or a page.
func (t *Tree) named(word string) string {
	word = strings.TrimSuffix(strings.TrimPrefix(word, "./"), "/...")
	if !pathShape.MatchString(word) || elsewhere[path.Clean(word)] != "" {
		return ""
	}
	first, _, deep := strings.Cut(word, "/")
	extension := path.Ext(word)
	switch {
	case elsewhere[first] != "", within(word, foreign):
		return ""
	case deep && t.top(first), extension == ".go", extension == ".md":
		return word
	}
	return ""
}

// MissingFromComments returns the names of missing Go files in comments. A name without a folder is
// a file beside the comment.
func (t *Tree) MissingFromComments(files []File) []string {
	var broken []string
	for i := range files {
		f := &files[i]
		for _, group := range f.AST.Comments {
			for _, comment := range group.List {
				for _, name := range goFileName.FindAllString(comment.Text, -1) {
					name = strings.Trim(name, "/")
					first, _, deep := strings.Cut(name, "/")
					if elsewhere[name] != "" || elsewhere[first] != "" || deep && within(name, foreign) ||
						t.has(path.Join(f.folder(), name)) || deep && t.endsWith(name) {
						continue
					}
					broken = append(broken, f.at(comment.Pos(), "names %s, and there is no such file", name))
				}
			}
		}
	}
	return broken
}
