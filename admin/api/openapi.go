package api

import _ "embed"

//go:embed openapi.yaml
var openAPI string

// OpenAPI is the description of the API (OpenAPI 3.1, YAML).
func OpenAPI() string { return openAPI }
