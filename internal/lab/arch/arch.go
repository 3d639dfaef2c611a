// Package arch holds the rules of Daybook's layout, and its test holds the code to them:
//
//   - the services collector, projector, pricer, reconcile and api never import each other: they
//     meet in streams. The api and reconcile alone may import packages that only read or compute,
//     and one file of the projector the catalogue;
//   - the ledger imports no service, and only the api and commands import the ledger;
//   - acts imports no service, no flags and no files: commands and the api call it;
//   - events imports nothing of ours, and the shared internal packages nothing of the services;
//   - only internal/bus imports NATS, tests included;
//   - nothing outside cmd imports cmd;
//   - production code imports nothing of the lab, a few commands excepted, and the simulator
//     nothing of the code that it judges;
//   - pure files import no network, SQL, NATS, files, logs or randomness, ask no clock and start no
//     goroutine;
//   - the projector's platforms import nothing of ours but events and projector/timeline, so that
//     none knows another;
//   - every service folder has its contract in a doc file; a folder with a loop, such as that of
//     each collector, also has its settings in a config file, a New that takes a Config, and a Run;
//   - every package has a doc comment;
//   - files, packages and comments keep to a length that can be read;
//   - no large file is tracked, every path that a page or a comment names exists, and the README's
//     map has every room.
//
// Exceptions stand in tables beside each rule, with their reasons.
package arch

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Module is the path of Daybook's module.
const Module = "github.com/daybook-billing/daybook"

// services may run alone, and so may not need each other's code.
var services = []string{"collector", "projector", "pricer", "reconcile", "api"}

// running are the folders with a loop of their own. The folder collector has none, because each
// collector below it has one.
var running = []string{
	"collector/file", "collector/cf", "collector/trove", "projector", "pricer", "reconcile/service",
	"api",
}

// libraries are packages of services that read or compute for whoever asks: the API asks for prices
// before they are published, for the terms of a charge, for how months close, and for the state of
// collectors. A reconciliation asks for the money at stake.
var libraries = []string{
	"pricer/bundle", "pricer/catalogue", "pricer/forecast", "pricer/formula", "pricer/preview",
	"pricer/rating", "pricer/terms", "projector/months", "projector/timeline", "collector/status",
	"collector/quarantine", "reconcile",
}

// judges are the files that import a pure package of a service: both come to one judgement, and
// what is closed on METERED stays closed.
var judges = map[string][]string{
	"projector/act.go":  {"pricer/catalogue"}, // a month closes by itself once the pricer has a catalogue
	"acts/catalogue.go": {"pricer/catalogue"}, // a version that the pricer refuses is not in force
}

// ledgerReaders may import the ledger. It is no service but ground for the API and commands; the
// services before it in the path do not know it.
var ledgerReaders = []string{"ledger", "api", "cmd", "internal/lab"}

// shared packages serve several services, and so depend on none.
var shared = []string{
	"internal/bus", "internal/stage", "internal/service", "internal/jsondoc", "internal/redact",
	"internal/cfapi", "internal/evidence", "internal/keystone", "internal/metered", "internal/names",
	"internal/snapshot", "internal/troveapi", "acts", "ledger",
}

// called packages act for whoever calls them, a command or an API: flags, files and printing are
// the caller's.
var called = []string{"acts", "internal/metered", "internal/names"}

// callers are the imports of a command line; a / at the end stands for everything below.
var callers = []string{"flag", "os", "os/", "github.com/alecthomas/"}

// purePackages are pure as a whole.
var purePackages = []string{
	"events", "ledger/anomalies", "ledger/postgres/flat", "pricer/catalogue", "pricer/forecast", "pricer/formula",
	"pricer/posted", "pricer/rating", "pricer/statements", "pricer/whatif", "projector/timeline", "projector/months",
	"projector/cf", "projector/cf/order", "projector/cf/reasons", "projector/cf/words", "projector/trove",
	"projector/internal/forgotten", "projector/internal/records", "projector/internal/rederive",
	"projector/internal/tally",
	"reconcile/architect", "reconcile/foreman", "reconcile/inspector/exists",
}

// vocabularies are pure packages with packages below them that are not.
var vocabularies = []string{"reconcile"}

// shellFiles are the files with I/O in otherwise pure folders. A new file there is pure unless it
// is named here.
var shellFiles = map[string][]string{
	"projector": {
		"act.go",       // takes the messages of people
		"compare.go",   // takes a replay's messages
		"config.go",    // reads settings
		"doc.go",       // has no code
		"metrics.go",   // for Prometheus
		"projector.go", // runs the stage
	},
	"pricer/bundle": {
		"collect.go", // reads the streams
		"facts.go",   // reads USAGE
	},
	"pricer": {
		"compare.go",
		"config.go",
		"doc.go",
		"metrics.go",
		"preview.go", // takes a stage's messages
		"pricer.go",
		"reread.go",    // asks the stage for inputs
		"snapshot.go",  // gives the state to the stage
		"statement.go", // takes a stage's messages
		"watch.go",     // logs
	},
}

// impure are the imports forbidden in a pure file; a / at the end stands for everything below.
var impure = []string{
	"net", "net/", "database/", "os", "os/", "io/ioutil", "syscall", "log", "log/", "math/rand", "math/rand/",
	"crypto/rand", "unsafe",
	"github.com/nats-io/", "github.com/synadia-io/", "github.com/jackc/", "github.com/prometheus/",
}

// notImpure are pure imports below impure paths.
var notImpure = []string{
	"net/url", // parses; opens nothing
}

// clock are the functions with the time of the machine, with waits, and with random ids.
var clock = map[string][]string{
	"time":                   {"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"},
	"github.com/google/uuid": {"New", "NewString", "NewRandom", "NewUUID", "NewV6", "NewV7"},
}

// lab is the workshop of tests and demonstrations.
const lab = "internal/lab"

// labImporters are the production files with imports from the lab, and the imported packages.
var labImporters = map[string][]string{
	"cmd/daybook/offline/simulate.go": {"cc", "sim"}, // daybook simulate
	"cmd/daybook/up.go":               {"demo"},      // daybook up --demo
}

// simulators are the packages with a truth to judge the services by.
var simulators = []string{"internal/lab/sim", "internal/lab/cc", "internal/lab/identity", "internal/lab/trove"}

// natsImporters may import the packages of natsModules.
var (
	natsImporters = []string{"internal/bus"}
	natsModules   = []string{"github.com/nats-io/", "github.com/synadia-io/"}
)

// File is one Go file of the module.
type File struct {
	Path   string // from the module's root, with slashes: "projector/projector.go"
	Source []byte
	AST    *ast.File
	Files  *token.FileSet
}

// Parse reads one file; source is its text.
func Parse(name string, source []byte) (File, error) {
	files := token.NewFileSet()
	tree, err := parser.ParseFile(files, name, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return File{}, fmt.Errorf("parsing %s: %w", name, err)
	}
	return File{Path: name, Source: source, AST: tree, Files: files}, nil
}

// Load parses every Go file of the module in the given file system. Folders with a go.mod of their
// own are other modules; testdata, node_modules, and names with . or _ at the beginning are not
// Go's.
func Load(module fs.FS) ([]File, error) {
	var files []File
	err := fs.WalkDir(module, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return skipFolder(module, name)
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		source, err := fs.ReadFile(module, name)
		if err != nil {
			return err
		}
		f, err := Parse(name, source)
		files = append(files, f)
		return err
	})
	return files, err
}

func skipFolder(module fs.FS, name string) error {
	base := path.Base(name)
	switch {
	case name == ".":
		return nil
	case base == "testdata", base == "node_modules", strings.HasPrefix(base, "."), strings.HasPrefix(base, "_"):
		return fs.SkipDir
	}
	if _, err := fs.Stat(module, path.Join(name, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

// Check returns the broken rules, as "file:line: rule", in the order of the files.
func Check(files []File) []string {
	var broken []string
	for i := range files {
		broken = append(broken, imports(&files[i])...)
		broken = append(broken, platformImports(&files[i])...)
		if pure(files[i].Path) {
			broken = append(broken, impurities(&files[i])...)
		}
	}
	return append(append(broken, serviceShape(files)...), undocumented(files)...)
}

func (f *File) folder() string { return path.Dir(f.Path) }

func (f *File) test() bool { return strings.HasSuffix(f.Path, "_test.go") }

func (f *File) at(pos token.Pos, format string, args ...any) string {
	return fmt.Sprintf("%s:%d: %s", f.Path, f.Files.Position(pos).Line, fmt.Sprintf(format, args...))
}

// line is the whole line of a position.
func (f *File) line(pos token.Pos) string {
	lines := bytes.SplitN(f.Source, []byte("\n"), f.Files.Position(pos).Line+1)
	return string(lines[f.Files.Position(pos).Line-1])
}

// imports checks the imports between packages.
func imports(f *File) []string {
	var broken []string
	for _, spec := range f.AST.Imports {
		target := importPath(spec)
		rule := f.againstForeign(target)
		if own, ours := strings.CutPrefix(target, Module+"/"); ours && rule == "" {
			if rule = f.againstFloor(own); rule == "" {
				rule = f.againstService(own)
			}
		}
		if rule != "" {
			broken = append(broken, f.at(spec.Pos(), "imports %s: %s", target, rule))
		}
	}
	return broken
}

// againstForeign is the rule against an import from outside the module, "" for none.
func (f *File) againstForeign(target string) string {
	switch {
	case startsWithAny(target, natsModules) && !within(f.folder(), natsImporters):
		return "only internal/bus knows NATS"
	case within(f.folder(), called) && !f.test() && matches(target, callers):
		return "flags, files and printing are the caller's"
	}
	return ""
}

// againstFloor is the rule against an import of one of our folders by folders below it, "" for
// none.
func (f *File) againstFloor(own string) string {
	switch {
	case within(own, []string{"cmd"}) && !within(f.folder(), []string{"cmd"}):
		return "commands are built from packages, never the other way"
	case f.test():
		return ""
	case within(own, []string{lab}) && !within(f.folder(), []string{lab}) &&
		!slices.Contains(labImporters[f.Path], strings.TrimPrefix(own, lab+"/")):
		return "production code imports nothing of " + lab + " but what labImporters names"
	case within(f.folder(), []string{"events"}) && !within(own, []string{"events"}):
		return "events imports nothing of ours"
	}
	return ""
}

// againstService is the rule against an import of a service or the ledger, "" for none.
func (f *File) againstService(own string) string {
	from, to := serviceOf(f.folder()), serviceOf(own)
	switch {
	case slices.Contains(judges[f.Path], own):
		return ""
	case within(f.folder(), simulators) && !f.test() && to != "":
		return "the simulator's truth comes from its own world, never from the code that it judges"
	case within(f.folder(), shared) && to != "":
		return "what all services share depends on none"
	case within(own, []string{"ledger"}) && !within(f.folder(), ledgerReaders):
		return "only the API and commands read the ledger"
	case (from == "api" || from == "reconcile") && within(own, libraries):
		return ""
	case from != "" && to != "" && from != to:
		return "services never import each other, they meet in streams"
	}
	return ""
}

// pure reports whether the file must be pure.
func pure(name string) bool {
	folder, base := path.Split(name)
	folder = strings.TrimSuffix(folder, "/")
	if strings.HasSuffix(base, "_test.go") {
		return false
	}
	if within(folder, purePackages) || slices.Contains(vocabularies, folder) {
		return true
	}
	shell, listed := shellFiles[folder]
	return listed && !slices.Contains(shell, base)
}

// impurities checks one pure file.
func impurities(f *File) []string {
	var broken []string
	clocks := map[string][]string{} // by the package's name in the file
	for _, spec := range f.AST.Imports {
		target := importPath(spec)
		own, ours := strings.CutPrefix(target, Module+"/")
		switch {
		case ours && !within(own, purePackages) && !slices.Contains(vocabularies, own):
			broken = append(broken, f.at(spec.Pos(), "imports %s: a pure file imports only pure packages of ours",
				target))
		case isImpure(target):
			broken = append(broken, f.at(spec.Pos(), "imports %s: a pure file does no I/O and draws no random numbers",
				target))
		}
		if calls, ok := clock[target]; ok {
			name := path.Base(target)
			if spec.Name != nil {
				name = spec.Name.Name
			}
			clocks[name] = calls
		}
	}
	if calls, dot := clocks["."]; dot {
		return append(broken, f.at(f.AST.Package, "imports a package with %s under the name \".\", which hides who "+
			"asks the clock", calls[0]))
	}
	ast.Inspect(f.AST, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			broken = append(broken, f.at(n.Pos(), "starts a goroutine: a pure file's results have one order"))
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && slices.Contains(clocks[x.Name], n.Sel.Name) {
				broken = append(broken, f.at(n.Pos(), "uses %s.%s: time and ids come from events, never from the "+
					"machine", x.Name, n.Sel.Name))
			}
		}
		return true
	})
	return broken
}

// serviceShape checks that each service folder has the files and functions expected by its readers.
func serviceShape(files []File) []string {
	var broken []string
	for _, s := range slices.Compact(slices.Sorted(slices.Values(slices.Concat(services, running)))) {
		has := map[string]bool{}
		found := false
		for i := range files {
			if files[i].folder() != s || files[i].test() {
				continue
			}
			found = true
			has[path.Base(files[i].Path)] = true
			for _, d := range files[i].AST.Decls {
				if f, ok := d.(*ast.FuncDecl); ok {
					has[signature(f)] = true
				}
			}
		}
		if !found {
			continue
		}
		want := []string{"doc.go"}
		if slices.Contains(running, s) {
			want = append(want, "config.go", "New(Config", ".Run(context.Context) error")
		}
		for _, w := range want {
			if !has[w] {
				broken = append(broken, fmt.Sprintf("%s: has no %s: every service folder is read in the same way", s,
					w))
			}
		}
	}
	return broken
}

// signature gives the two shapes for serviceShape: a constructor by its first parameter, a Run in
// full.
func signature(f *ast.FuncDecl) string {
	params := f.Type.Params.List
	switch {
	case f.Recv == nil && f.Name.Name == "New" && len(params) > 0:
		if t, ok := params[0].Type.(*ast.Ident); ok {
			return "New(" + t.Name
		}
	case f.Recv != nil && f.Name.Name == "Run" && len(params) == 1 && f.Type.Results != nil &&
		len(f.Type.Results.List) == 1:
		context, ok := params[0].Type.(*ast.SelectorExpr)
		result, isIdent := f.Type.Results.List[0].Type.(*ast.Ident)
		if ok && isIdent && context.Sel.Name == "Context" && result.Name == "error" {
			return ".Run(context.Context) error"
		}
	}
	return ""
}

// undocumented finds packages without a doc comment, generated files aside.
func undocumented(files []File) []string {
	documented := map[string]bool{}
	var folders []string
	for i := range files {
		if files[i].test() || ast.IsGenerated(files[i].AST) {
			continue
		}
		folder := files[i].folder()
		if _, seen := documented[folder]; !seen {
			folders = append(folders, folder)
		}
		documented[folder] = documented[folder] || files[i].AST.Doc != nil
	}
	var broken []string
	for _, folder := range folders {
		if !documented[folder] {
			broken = append(broken, folder+": has no package comment")
		}
	}
	return broken
}

func importPath(spec *ast.ImportSpec) string {
	target, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return spec.Path.Value // cannot be: the parser has read it as a string
	}
	return target
}

func isImpure(target string) bool {
	return !slices.Contains(notImpure, target) && matches(target, impure)
}

// matches reports whether an import is among others; a / at their end stands for everything below.
func matches(target string, imports []string) bool {
	return slices.ContainsFunc(imports, func(p string) bool {
		return target == p || strings.HasSuffix(p, "/") && strings.HasPrefix(target, p)
	})
}

// serviceOf is the folder's service, or "".
func serviceOf(folder string) string {
	first, _, _ := strings.Cut(folder, "/")
	if slices.Contains(services, first) {
		return first
	}
	return ""
}

func within(folder string, roots []string) bool {
	return slices.ContainsFunc(roots, func(r string) bool { return folder == r || strings.HasPrefix(folder, r+"/") })
}

func startsWithAny(s string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}
