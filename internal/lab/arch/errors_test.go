package arch_test

import (
	"go/ast"
	"go/token"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/lab/arch"
)

// exportedErrors are the exported sentinels and error types of production code, as other packages
// name them: bus.ErrGap, bus.ConflictError.
func exportedErrors(files []arch.File) []string {
	var names []string
	for i := range files {
		f := &files[i]
		folder := path.Dir(f.Path)
		if strings.HasSuffix(f.Path, "_test.go") || strings.HasPrefix(folder, "internal/lab") ||
			strings.HasSuffix(folder, "test") {
			continue
		}
		for _, decl := range f.AST.Decls {
			general, ok := decl.(*ast.GenDecl)
			if !ok || general.Tok != token.VAR && general.Tok != token.TYPE {
				continue
			}
			for _, spec := range general.Specs {
				for _, name := range errorNames(spec) {
					names = append(names, f.AST.Name.Name+"."+name)
				}
			}
		}
	}
	slices.Sort(names)
	return names
}

func errorNames(spec ast.Spec) (names []string) {
	switch s := spec.(type) {
	case *ast.ValueSpec:
		for _, n := range s.Names {
			if n.IsExported() && strings.HasPrefix(n.Name, "Err") {
				names = append(names, n.Name)
			}
		}
	case *ast.TypeSpec:
		if s.Name.IsExported() && strings.HasSuffix(s.Name.Name, "Error") {
			names = append(names, s.Name.Name)
		}
	}
	return names
}

var _ = Describe("The table of errors", func() {
	It("has every exported error, and no other", func() {
		files, err := arch.Load(os.DirFS(root))
		Expect(err).NotTo(HaveOccurred())
		text, err := os.ReadFile(filepath.Join(root, "docs", "errors.md"))
		Expect(err).NotTo(HaveOccurred())
		names := exportedErrors(files)
		Expect(names).To(ContainElement("bus.ErrGap"), "the errors were not found")
		rows := map[string]bool{}
		for line := range strings.Lines(string(text)) {
			if !strings.HasPrefix(line, "| `") {
				continue
			}
			cell, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
			for name := range strings.SplitSeq(cell, ", ") {
				rows[strings.Trim(name, "`")] = true
			}
		}
		delete(rows, "stage.Mismatch") // an error by its method, not by its name
		Expect(slices.Sorted(maps.Keys(rows))).To(Equal(names))
	})
})
