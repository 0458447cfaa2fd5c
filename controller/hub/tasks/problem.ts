/** One thing that is wrong with a task that was asked for. */
export interface TaskProblem {
  /** JSON pointer into the task. */
  readonly path: string;
  readonly message: string;
}
