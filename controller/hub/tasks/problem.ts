/** One validation error of a task. */
export interface TaskProblem {
  /** JSON pointer into the task. */
  readonly path: string;
  readonly message: string;
}
