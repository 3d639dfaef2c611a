package arch

import (
	"path"
	"slices"
	"strings"
)

// metering is the service with a folder for each platform, and timelines: its contract with them.
const metering, timelines = "projector", "projector/timeline"

// platformImports checks that the contract and the platforms know nothing else of ours but the
// packages below them, and so not each other. Tests may.
func platformImports(f *File) []string {
	if path.Dir(f.folder()) != metering || f.folder() == metering+"/internal" || f.test() {
		return nil
	}
	var broken []string
	for _, spec := range f.AST.Imports {
		own, ours := strings.CutPrefix(importPath(spec), Module+"/")
		below := strings.HasPrefix(own, f.folder()+"/") || strings.HasPrefix(own, timelines+"/")
		if ours && !below && !slices.Contains([]string{"events", timelines}, own) {
			broken = append(broken, f.at(spec.Pos(), "imports %s: a platform knows events, %s and what is below it "+
				"only",
				own, timelines))
		}
	}
	return broken
}
