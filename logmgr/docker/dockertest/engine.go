package dockertest

import (
	"encoding/json"
	"net/http"
	"time"
)

// engine answers the two questions of Docker Engine's API that are asked here, with or
// without a version before them.
func (s *server) engine() http.Handler {
	mux := http.NewServeMux()
	for _, version := range []string{"", "/{version}"} {
		mux.HandleFunc("GET "+version+"/containers/{id}/json", s.inspect)
		mux.HandleFunc("GET "+version+"/info", s.info)
	}
	return mux
}

// inspection is what docker inspect tells, as far as anybody here asks.
type inspection struct {
	ID         string `json:"Id"`
	Created    time.Time
	State      inspectedState
	LogPath    string
	Name       string
	HostConfig struct {
		LogConfig struct {
			Type   string
			Config map[string]string
		}
	}
	Config struct{ Labels map[string]string }
}

type inspectedState struct {
	Status    string
	Running   bool
	ExitCode  int
	Error     string
	StartedAt time.Time
}

func (s *server) inspect(w http.ResponseWriter, req *http.Request) {
	c, err := s.container(req.PathValue("id"))
	if err != nil {
		reply(w, http.StatusNotFound, map[string]string{"message": "No such container: " + req.PathValue("id")})
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	i := inspection{ID: c.id, Created: c.created, LogPath: c.file, Name: "/k8s_" + c.config.GetMetadata().GetName()}
	i.State = inspectedState{Status: "created", Running: c.running(), ExitCode: c.exitCode, Error: c.failure, StartedAt: c.started}
	if i.State.Running {
		i.State.Status = "running"
	} else if !c.finished.IsZero() {
		i.State.Status = "exited"
	}
	i.HostConfig.LogConfig.Type, i.HostConfig.LogConfig.Config = c.driver, c.options
	i.Config.Labels = map[string]string{"io.kubernetes.container.logpath": c.logPath, "io.kubernetes.sandbox.id": c.sandbox, "io.kubernetes.docker.type": "container"}
	reply(w, http.StatusOK, i)
}

func (s *server) info(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, map[string]any{"DockerRootDir": s.options.DataRoot, "LoggingDriver": s.options.LogDriver, "Driver": "overlay2"})
}

func reply(w http.ResponseWriter, code int, answer any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(answer) // it can be encoded, and whoever has gone misses nothing
}
