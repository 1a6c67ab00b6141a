package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// source is what the source of one provider tells.
type source struct {
	// constants are the names of environment variables, by the names of Go constants.
	constants map[string]string
	functions []*ast.FuncDecl
	// maps are the fields of providers that are maps.
	maps map[string]bool
}

// read parses the Go files of a provider's folder and of those below it that it delegates to.
func read(folder string) (*source, error) {
	s := &source{constants: map[string]string{}, maps: map[string]bool{}}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, text, 0)
		if err != nil {
			return err
		}
		s.add(file)
		return nil
	})
	return s, err
}

func (s *source) add(file *ast.File) {
	for _, declaration := range file.Decls {
		switch typed := declaration.(type) {
		case *ast.FuncDecl:
			s.functions = append(s.functions, typed)
		case *ast.GenDecl:
			for _, spec := range typed.Specs {
				s.addSpec(spec)
			}
		}
	}
}

func (s *source) addSpec(spec ast.Spec) {
	switch typed := spec.(type) {
	case *ast.ValueSpec:
		for i, name := range typed.Names {
			if i < len(typed.Values) {
				if text, ok := s.text(typed.Values[i]); ok {
					s.constants[name.Name] = text
				}
			}
		}
	case *ast.TypeSpec:
		if fields, ok := typed.Type.(*ast.StructType); ok && typed.Name.Name == "DNSProvider" {
			s.addFields(fields)
		}
	}
}

func (s *source) addFields(fields *ast.StructType) {
	for _, field := range fields.Fields.List {
		_, isMap := field.Type.(*ast.MapType)
		// sync.Map
		selector, isSelector := field.Type.(*ast.SelectorExpr)
		if !isMap && (!isSelector || selector.Sel.Name != "Map") {
			continue
		}
		for _, name := range field.Names {
			s.maps[name.Name] = true
		}
	}
}

// text evaluates a constant string: a literal, another constant, or both joined.
func (s *source) text(expression ast.Expr) (string, bool) {
	switch typed := expression.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(typed.Value)
		return text, err == nil && typed.Kind == token.STRING
	case *ast.Ident:
		text, ok := s.constants[typed.Name]
		return text, ok
	case *ast.BinaryExpr:
		left, ok := s.text(typed.X)
		right, also := s.text(typed.Y)
		return left + right, ok && also
	case *ast.CallExpr:
		// altEnvName(EnvX) of providers that have their settings under two names.
		if name, ok := typed.Fun.(*ast.Ident); ok && name.Name == "altEnvName" && len(typed.Args) == 1 {
			text, ok := s.text(typed.Args[0])
			return strings.Replace(text, s.constants["envNamespace"], s.constants["altEnvNamespace"], 1), ok
		}
	}
	return "", false
}

// required finds the settings without which NewDNSProvider gives up: the arguments of the one call to env.Get or
// env.GetWithFallback on its way. Nil where it is not that simple.
func (s *source) required() [][]string {
	var found [][][]string
	for _, function := range s.functions {
		if function.Name.Name != "NewDNSProvider" || function.Recv != nil {
			continue
		}
		ast.Inspect(function, func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			if !ok {
				return true
			}
			switch calledOn(call, "env") {
			case "Get":
				found = append(found, s.each(call.Args))
			case "GetWithFallback":
				found = append(found, s.groups(call.Args))
			}
			return true
		})
		if len(found) == 1 && !s.atTop(function) {
			return nil
		}
	}
	if len(found) != 1 {
		return nil
	}
	return found[0]
}

// atTop says whether the call is a statement of the function itself and not of a branch.
func (s *source) atTop(function *ast.FuncDecl) bool {
	for _, statement := range function.Body.List {
		assign, ok := statement.(*ast.AssignStmt)
		if !ok || len(assign.Rhs) != 1 {
			continue
		}
		if call, ok := assign.Rhs[0].(*ast.CallExpr); ok && strings.HasPrefix(calledOn(call, "env"), "Get") {
			return true
		}
	}
	return false
}

func calledOn(call *ast.CallExpr, name string) string {
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	if on, ok := selector.X.(*ast.Ident); !ok || on.Name != name {
		return ""
	}
	return selector.Sel.Name
}

func (s *source) each(arguments []ast.Expr) [][]string {
	var parts [][]string
	for _, argument := range arguments {
		if name, ok := s.text(argument); ok {
			parts = append(parts, []string{name})
		}
	}
	return parts
}

func (s *source) groups(arguments []ast.Expr) [][]string {
	var parts [][]string
	for _, argument := range arguments {
		literal, ok := argument.(*ast.CompositeLit)
		if !ok {
			continue
		}
		var part []string
		for _, element := range literal.Elts {
			if name, ok := s.text(element); ok {
				part = append(part, name)
			}
		}
		parts = append(parts, part)
	}
	return parts
}

// hasMethod says whether something in the provider has a method of a name.
func (s *source) hasMethod(name string) bool {
	for _, function := range s.functions {
		if function.Recv != nil && function.Name.Name == name {
			return true
		}
	}
	return false
}

// remembers says whether CleanUp looks something up in a map that is a field of the provider.
func (s *source) remembers() bool {
	found := false
	for _, function := range s.functions {
		if function.Recv == nil || function.Name.Name != "CleanUp" {
			continue
		}
		ast.Inspect(function, func(node ast.Node) bool {
			found = found || s.looksUp(node)
			return !found
		})
	}
	return found
}

// looksUp says whether a node reads such a map: by an index, or by Load of a sync.Map.
func (s *source) looksUp(node ast.Node) bool {
	var of ast.Expr
	switch typed := node.(type) {
	case *ast.IndexExpr:
		of = typed.X
	case *ast.CallExpr:
		if method, ok := typed.Fun.(*ast.SelectorExpr); ok && strings.HasPrefix(method.Sel.Name, "Load") {
			of = method.X
		}
	}
	field, ok := of.(*ast.SelectorExpr)
	return ok && s.maps[field.Sel.Name]
}

// looksAtValue says whether every CleanUp looks at the value of its record, or up what it remembers of it. One that does
// neither takes what it finds at the name.
func (s *source) looksAtValue() bool {
	for _, function := range s.functions {
		if function.Recv == nil || function.Name.Name != "CleanUp" {
			continue
		}
		looks := false
		ast.Inspect(function, func(node ast.Node) bool {
			looks = looks || s.looksUp(node) || isOfValue(node)
			return !looks
		})
		if !looks {
			return false
		}
	}
	return true
}

// isOfValue says whether a node is info.Value, hands info on whole, or leaves the rest to another CleanUp.
func isOfValue(node ast.Node) bool {
	switch typed := node.(type) {
	case *ast.SelectorExpr:
		return isInfo(typed.X) && typed.Sel.Name == "Value"
	case *ast.CallExpr:
		method, ok := typed.Fun.(*ast.SelectorExpr)
		return ok && method.Sel.Name == "CleanUp" || slices.ContainsFunc(typed.Args, isInfo)
	default:
		return false
	}
}

func isInfo(expression ast.Expr) bool {
	name, ok := expression.(*ast.Ident)
	return ok && name.Name == "info"
}
